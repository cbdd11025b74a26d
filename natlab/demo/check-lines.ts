import { type Cast, hostOf, isOwn } from './cast.ts';
import { addressesLearnt, type Journey, sourceOutside } from './journey.ts';
import { type Line, seconds } from './line.ts';

/** The peers' checks of the ways between them, and their answers. */
export function checkLines(cast: Cast, journeys: readonly Journey[]): Line[] {
  const groups = new Map<string, [Journey, ...Journey[]]>();
  const checks = journeys.filter(({ meaning }) => meaning.kind === 'check');
  for (const check of checks) {
    const key = [check.from, check.steps[0].target, sourceOutside(cast, check), check.fate.kind].join(' ');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [check]);
    else group.push(check);
  }
  const lines = [...groups.values()].map((group) => groupLine(cast, journeys, group));
  return [...lines, ...answerLines(cast, journeys)];
}

function groupLine(cast: Cast, journeys: readonly Journey[], group: readonly [Journey, ...Journey[]]): Line {
  const [check] = group;
  const { from, steps, fate } = check;
  const [{ atUs, source, target }] = steps;
  const outside = sourceOutside(cast, check);
  const earlier = journeys.filter(
    (other) => other.meaning.kind === 'check' && other.from === from && other.steps[0].atUs < atUs,
  );
  const isFirst = earlier.length === 0;
  const isNew = !earlier.some((other) => sourceOutside(cast, other) === outside);
  const sentences = [
    `${from} knocks${isFirst ? ' for the first time (an ICE check: "do you hear me?")' : ' again'}: ${source} -> ${target}${outside === source ? '' : `, outside as ${outside}`}.`,
    ...(isNew ? surprise(cast, journeys, check, outside) : []),
    ...(isNew ? opening(cast, check) : []),
    outcome(cast, journeys, check),
    ...(fate.kind !== 'arrived' && group.length > 1
      ? [`So it goes ${group.length} times, until ${seconds(group.at(-1)?.steps[0].atUs ?? atUs)}.`]
      : []),
  ];
  return {
    atUs,
    text: sentences.join(' '),
    ...(fate.kind === 'arrived' ? { tone: 'good' } : fate.kind === 'dropped' ? { tone: 'bad' } : {}),
  };
}

/** A NAT that maps anew for each destination makes what the STUN server said worthless. */
function surprise(cast: Cast, journeys: readonly Journey[], check: Journey, outside: string): string[] {
  const learnt = addressesLearnt(journeys, check.from);
  const router = cast.routersOf[check.from]?.at(-1);
  if (
    router === undefined ||
    learnt.length === 0 ||
    learnt.includes(outside) ||
    outside === check.steps[0].source
  )
    return [];
  return [
    `That is not ${learnt.join(' or ')}, which the STUN server saw: ${router} maps anew for each destination.`,
  ];
}

/** The hole that a packet leaves behind in the router that it passes on its way out. */
function opening(cast: Cast, { from, steps }: Journey): string[] {
  const out = steps.findLast((step) => step.machine !== from && isOwn(cast, step.machine, step.source));
  if (out === undefined) return [];
  const { machine, target } = out;
  const admitted = { fullcone: 'anyone', addr: `${hostOf(target)}, whatever port,` }[
    cast.natOf[machine] as string
  ];
  return [
    `By letting it out, ${machine} opens: from now on ${admitted ?? `${target}, and nobody else,`} may answer to ${out.source}.`,
  ];
}

function outcome(cast: Cast, journeys: readonly Journey[], { steps, fate, from }: Journey): string {
  const [{ target }] = steps;
  switch (fate.kind) {
    case 'arrived':
      return `It reaches ${fate.at} at ${seconds(fate.atUs)}: ${admission(cast, journeys, steps, fate.at)}`;
    case 'dropped':
      return `${fate.by} drops it: ${refusal(cast, journeys, steps, fate.by)}`;
    case 'kept':
      return fate.isForItself
        ? `${fate.by} has that address itself and turns nothing back inside: it ends there.`
        : `${fate.by} does not let it out.`;
    case 'lost':
      return 'It is lost on the way.';
    case 'nowhere':
      return `${hostOf(target)} is an address inside another network, which nobody has out here: ${from} gets nowhere with it.`;
  }
}

/** Why the routers before a host let a packet in. */
function admission(cast: Cast, journeys: readonly Journey[], steps: Journey['steps'], at: string): string {
  const entry = steps.find(
    ({ machine, source }) => cast.routersOf[at]?.includes(machine) && !isOwn(cast, machine, source),
  );
  if (entry === undefined) return 'no router is before it.';
  const nat = cast.natOf[entry.machine];
  if (nat === 'fullcone')
    return `${entry.machine} lets anyone in who writes to a port that it has given out.`;
  const written = writtenTo(cast, journeys, entry.machine, entry.target, entry.atUs);
  const hole = written.find(({ to }) =>
    nat === 'addr' ? hostOf(to) === hostOf(entry.source) : to === entry.source,
  );
  return hole === undefined
    ? `${entry.machine} lets it in.`
    : `${entry.machine} is open for it, since ${at} wrote to ${hole.to} at ${seconds(hole.atUs)}.`;
}

/** Why a router let a packet in no further. */
function refusal(cast: Cast, journeys: readonly Journey[], steps: Journey['steps'], router: string): string {
  const entry = steps.at(-1) ?? steps[0];
  const before = [
    ...new Set(writtenTo(cast, journeys, router, entry.target, entry.atUs).map(({ to }) => to)),
  ];
  if (before.length === 0) return `nobody inside uses ${entry.target}.`;
  const later = writtenTo(cast, journeys, router, entry.target, Number.POSITIVE_INFINITY);
  const yet = later.some(({ to }) => to === entry.source) ? ' yet' : '';
  return `from ${entry.target} nothing has gone to ${entry.source}${yet}, only to ${before.join(' and ')}.`;
}

/** To whom packets went out of a router from one of its outer addresses, and when they were sent. */
function writtenTo(
  cast: Cast,
  journeys: readonly Journey[],
  router: string,
  outside: string,
  beforeUs: number,
): { to: string; atUs: number }[] {
  return journeys.flatMap(({ steps }) =>
    steps
      .filter(({ machine, source, atUs }) => machine === router && source === outside && atUs < beforeUs)
      .filter(({ machine, source }) => isOwn(cast, machine, source))
      .map(({ target }) => ({ to: target, atUs: steps[0].atUs })),
  );
}

/** When each hears for the first time that it was heard. */
function answerLines(cast: Cast, journeys: readonly Journey[]): Line[] {
  return cast.people.flatMap((name) => {
    const answer = journeys.find(
      ({ meaning, from, fate }) =>
        meaning.kind === 'answer' && from !== 'server' && fate.kind === 'arrived' && fate.at === name,
    );
    if (answer?.fate.kind !== 'arrived') return [];
    const chooses = journeys.some(
      ({ meaning, from }) => meaning.kind === 'check' && meaning.chooses && from === name,
    );
    const decides = chooses ? ` ${name} is the one who decides, and takes this way.` : '';
    const text = `${answer.from}'s answer is with ${name}: the way works in both directions.${decides}`;
    return [{ atUs: answer.fate.atUs, text, tone: 'good' } as const];
  });
}
