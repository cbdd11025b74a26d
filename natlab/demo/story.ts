import type { Sighting } from './capture.ts';
import { type Cast, isOwn } from './cast.ts';
import { checkLines } from './check-lines.ts';
import type { Report } from './delivery.ts';
import { endingLines } from './ending-lines.ts';
import { type Journey, journeysOf } from './journey.ts';
import { type Line, seconds } from './line.ts';
import { meaningOf } from './meaning.ts';

/** What was seen of one delivery. */
export interface Observations {
  readonly cast: Cast;
  /** In the order of time. */
  readonly sightings: readonly Sighting[];
  readonly reports: readonly Report[];
}

/** Tells a delivery in the order of time. What repeats itself is told once. */
export function tellStory({ cast, sightings, reports }: Observations): Line[] {
  const startUs = Math.min(...[...sightings, ...reports].map(({ atUs }) => atUs));
  const seen = sightings.map((sighting) => ({ ...sighting, atUs: sighting.atUs - startUs }));
  const journeys = journeysOf(cast, seen);
  const told = reports.map((report) => ({ ...report, atUs: report.atUs - startUs }));
  const lines = [
    ...told.flatMap((report) => reportLines(cast, report)),
    ...questionLines(cast, journeys),
    ...checkLines(cast, journeys),
    ...handshakeLines(cast, journeys),
    ...dataLines(cast, seen, journeys),
  ].sort((a, b) => a.atUs - b.atUs);
  return [...lines, ...endingLines(cast, journeys, told)];
}

function reportLines(cast: Cast, { atUs, what }: Report): Line[] {
  const [sender] = cast.people;
  switch (what.kind) {
    case 'offered':
      return [
        {
          atUs,
          text: `${what.by} has put a file of ${what.sizeBytes / 1024 ** 2} MiB on the page and has a link.`,
        },
      ];
    case 'opened':
      return [
        {
          atUs,
          text: `${what.by} opens the link. Both pages talk to the server, which passes sealed messages between them.`,
        },
      ];
    case 'connected':
      return [{ atUs, text: `${what.by}'s page shows what ${sender} offers; ${what.by} saves it.` }];
    case 'saved':
      return [
        {
          atUs,
          text: what.isIntact
            ? `${what.by} has the file, and it is the same to the last bit.`
            : `${what.by} has a file, but it is not the one that was sent.`,
        },
      ];
    case 'failed':
      return [{ atUs, text: `${what.by}'s page gives up: "${what.sentence}"`, tone: 'bad' }];
  }
}

function questionLines(cast: Cast, journeys: readonly Journey[]): Line[] {
  const lines: Line[] = [];
  const told = new Set<string>();
  const once = (key: string, line: Line): void => {
    if (!told.has(key)) lines.push(line);
    told.add(key);
  };
  for (const journey of journeys) {
    const { meaning, from, steps, fate } = journey;
    const [{ atUs, source, target }] = steps;
    if (meaning.kind === 'question') {
      once(`question ${source} ${from}`, {
        atUs,
        text: `${from} asks the STUN server: "what address do I have?" ${source} -> ${target}. ${wayOut(cast, journey)}`,
        ...(fate.kind === 'kept' && { tone: 'bad' }),
      });
    } else if (from === 'server' && meaning.kind === 'answer' && fate.kind === 'arrived') {
      const { at } = fate;
      const other = cast.people.find((name) => name !== at);
      once(`answer ${meaning.seen} ${at}`, {
        atUs: fate.atUs,
        text: `The answer reaches ${at}: "to me you are ${meaning.seen}." ${at} tells ${other}, through the page's server, sealed.`,
      });
    }
  }
  return lines;
}

/** What the routers did to a question on its way out. */
function wayOut(cast: Cast, { steps, from, fate }: Journey): string {
  const [{ target }] = steps;
  const rewritten = steps.filter((step) => step.machine !== from && isOwn(cast, step.machine, step.source));
  const parts = rewritten.map(({ machine, source }) => `${machine} writes ${source} in the sender's place`);
  if (fate.kind === 'kept') parts.push(`${fate.by} does not let it out`);
  else if (parts.length > 0)
    parts.push(
      `and ${rewritten.length > 1 ? 'each ' : ''}remembers that what ${target} sends there is for ${from}`,
    );
  else parts.push(`No router is between them: that is ${from}'s own public address`);
  return `${parts.join(', ')}.`;
}

function handshakeLines(cast: Cast, journeys: readonly Journey[]): Line[] {
  const packets = journeys.filter(({ meaning }) => meaning.kind === 'handshake');
  const [first] = packets;
  if (first === undefined) return [];
  const counts = cast.people.map((name) => {
    const own = packets.filter(({ from }) => from === name);
    const lost = own.filter(({ fate }) => fate.kind !== 'arrived').length;
    return `${own.length} from ${name}${lost > 0 ? ` (${lost} did not arrive)` : ''}`;
  });
  const endUs = Math.max(...packets.map(({ fate, steps }) => ('atUs' in fate ? fate.atUs : steps[0].atUs)));
  const took = Math.max(1, Math.round((endUs - first.steps[0].atUs) / 1000));
  return [
    {
      atUs: first.steps[0].atUs,
      text: `Over this way they agree on keys (DTLS): ${counts.join(', ')}, in ${took} ms.`,
      tone: 'good',
    },
  ];
}

function dataLines(cast: Cast, sightings: readonly Sighting[], journeys: readonly Journey[]): Line[] {
  const [sender, receiver] = cast.people;
  const data = sightings.filter(({ payload }) => meaningOf(payload).kind === 'data');
  const [first] = data;
  const last = data.at(-1);
  if (first === undefined || last === undefined) return [];
  const leaving = (name: string): Sighting[] =>
    data.filter(({ machine, source }) => machine === name && isOwn(cast, name, source));
  const reaching = (name: string): number =>
    data.filter(({ machine, source }) => machine === name && !isOwn(cast, name, source)).length;
  const [out, back] = [leaving(sender), leaving(receiver)];
  const lost = Math.max(0, out.length - reaching(receiver));
  const mebibytes = out.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) / 1024 ** 2;
  const checks = journeys.filter(
    ({ meaning, steps }) =>
      meaning.kind === 'check' && steps[0].atUs > first.atUs && steps[0].atUs < last.atUs,
  );
  const text = [
    `Data flows, encrypted: ${count(out.length)} packets from ${sender} to ${receiver}, ${mebibytes.toFixed(1)} MiB with all wrapping`,
    `${lost > 0 ? ` (${count(lost)} never got there and had to be sent again)` : ''},`,
    ` ${count(back.length)} back that say what has arrived,`,
    ` until ${seconds(last.atUs)}.`,
    checks.length > 0
      ? ` ${count(checks.length)} more checks meanwhile keep every router from forgetting.`
      : '',
  ].join('');
  return [{ atUs: first.atUs, text, tone: 'good' }];
}

function count(number: number): string {
  return number.toLocaleString('en');
}
