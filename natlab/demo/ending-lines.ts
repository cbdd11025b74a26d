import type { Cast } from './cast.ts';
import type { Report } from './delivery.ts';
import { addressesLearnt, type Journey, sourceOutside } from './journey.ts';
import { type Line, seconds } from './line.ts';

/** What came of it: the way that was taken, or why there was none. */
export function endingLines(cast: Cast, journeys: readonly Journey[], reports: readonly Report[]): Line[] {
  const route = reports.flatMap(({ what }) => (what.kind === 'connected' ? [what.route] : []))[0];
  const opened = reports.find(({ what }) => what.kind === 'opened')?.atUs ?? 0;
  const endUs = Math.max(0, ...reports.map(({ atUs }) => atUs));
  const keys = journeys.filter(
    ({ meaning, fate }) => meaning.kind === 'handshake' && fate.kind === 'arrived',
  );
  const last = keys.at(-1);
  if (route === undefined || last?.fate.kind !== 'arrived') {
    return cast.people.map((name) => ({ atUs: endUs, text: obstacle(cast, journeys, name), tone: 'bad' }));
  }
  const ways = cast.people.map((name) => {
    const own = keys.find(({ from }) => from === name);
    if (own === undefined) return name;
    const [{ source }] = own.steps;
    const outside = sourceOutside(cast, own);
    return source === outside ? `${name} at ${source}` : `${name} at ${source}, outside ${outside}`;
  });
  return [
    {
      atUs: endUs,
      text: `Route: ${route}. Connected ${seconds(last.fate.atUs - opened)} after the link was opened; ${ways.join('; ')}. Of the file, the server has seen nothing.`,
      tone: 'good',
    },
  ];
}

/** What on one person's side stood in the way. */
function obstacle(cast: Cast, journeys: readonly Journey[], name: string): string {
  const router = cast.routersOf[name]?.at(-1);
  const peer = cast.people.find((other) => other !== name) ?? '';
  const learnt = addressesLearnt(journeys, name);
  const used = sourcesUsed(cast, journeys, name);
  if (router === undefined) return `${name} has a public address and could be reached by anyone.`;
  if (learnt.length === 0) {
    const kept = journeys.flatMap(({ from, fate }) =>
      from === name ? [fate.kind === 'kept' && fate.by] : [],
    );
    const [by] = kept;
    if (by && kept.every(Boolean)) return `On ${name}'s side: ${by} let none of ${name}'s UDP packets out.`;
    return `${name} never learnt an address: nothing came back from the STUN server through ${router}.`;
  }
  const known = learnt.join(', ');
  if (used.length === 0) {
    return `${name} was told to be ${known}, but ${name}'s own packets to ${peer} never got out of ${router}.`;
  }
  if (!used.some((source) => learnt.includes(source))) {
    return (
      `On ${name}'s side: the STUN server saw ${known}, and that is what ${peer} was told. But ${router} maps anew for each destination: ` +
      `towards ${peer} it was ${used.join(', ')}. At the address that ${peer} knows, ${router} lets in nobody but the STUN server.`
    );
  }
  return (
    `On ${name}'s side: ${router} uses ${known} for every destination, so ${peer} knew where to knock. ` +
    `But it lets in only those to whom ${name} has written at their very address and port, and ${peer}'s packets came from others.`
  );
}

/** The sources under which a host's checks to its peer were seen outside. */
function sourcesUsed(cast: Cast, journeys: readonly Journey[], host: string): string[] {
  const checks = journeys.filter(
    ({ meaning, from, fate }) => meaning.kind === 'check' && from === host && fate.kind !== 'kept',
  );
  return [...new Set(checks.map((journey) => sourceOutside(cast, journey)))];
}
