import type { Sighting } from './capture.ts';
import { type Cast, isOwn, ownerOf } from './cast.ts';
import { type Meaning, meaningOf } from './meaning.ts';

/** One datagram on its way, with the addresses that it bore at each plug. */
export interface Journey {
  readonly meaning: Meaning;
  /** The host that sent it. */
  readonly from: string;
  readonly steps: readonly [Sighting, ...Sighting[]];
  readonly fate: Fate;
}

export type Fate =
  | { readonly kind: 'arrived'; readonly at: string; readonly atUs: number }
  /** A router had it from outside and let it in no further. */
  | { readonly kind: 'dropped'; readonly by: string }
  /** A router had it from inside and did not let it out. */
  | { readonly kind: 'kept'; readonly by: string; readonly isForItself: boolean }
  | { readonly kind: 'lost' }
  /** To an address that nobody has. */
  | { readonly kind: 'nowhere' };

/** The same bytes after this long are another datagram. */
const LONGEST_JOURNEY_US = 10e6;
/** So much of a datagram tells it from all others: STUN's transaction, DTLS's record number. */
const KEY_BYTES = 64;

/** Puts the sightings of each datagram together. Data is left out: there is too much of it, and it is all alike. */
export function journeysOf(cast: Cast, sightings: readonly Sighting[]): Journey[] {
  const all: Sighting[][] = [];
  const byContent = new Map<string, Sighting[][]>();
  for (const sighting of sightings) {
    const { kind } = meaningOf(sighting.payload);
    if (kind === 'data' || kind === 'other') continue;
    const key = `${sighting.sizeBytes} ${Buffer.from(sighting.payload.subarray(0, KEY_BYTES)).toString('latin1')}`;
    const alike = byContent.get(key) ?? [];
    byContent.set(key, alike);
    const steps = alike.find(
      ([first, ...others]) =>
        ![first, ...others].some((step) => step?.machine === sighting.machine) &&
        sighting.atUs - (first?.atUs ?? 0) < LONGEST_JOURNEY_US,
    );
    if (steps !== undefined) {
      steps.push(sighting);
    } else {
      const begun = [sighting];
      alike.push(begun);
      all.push(begun);
    }
  }
  const journeys = all.flatMap((steps): Journey[] => {
    const start = steps.find(
      (step) => !(step.machine in cast.natOf) && isOwn(cast, step.machine, step.source),
    );
    if (start === undefined) return []; // Not of these people.
    const from = start.machine;
    const others = steps.filter((step) => step !== start);
    const ordered = [start, ...others.sort((a, b) => rank(cast, from, a) - rank(cast, from, b))] as const;
    return [{ meaning: meaningOf(start.payload), from, steps: ordered, fate: fateOf(cast, ordered) }];
  });
  // Where the kernel emulates the link, what it loses is not seen to leave the router.
  const passed = new Set(journeys.filter(({ fate }) => fate.kind !== 'kept').map(wayOf));
  return journeys.map((journey) =>
    journey.fate.kind === 'kept' && passed.has(wayOf(journey))
      ? { ...journey, fate: { kind: 'lost' } }
      : journey,
  );
}

function wayOf({ from, steps: [{ source, target }] }: Journey): string {
  return `${from} ${source} ${target}`;
}

/** Where on its way a datagram is at a machine. Times do not tell: on a perfect cable, plugs differ by a microsecond. */
function rank(cast: Cast, from: string, { machine }: Sighting): number {
  const before = cast.routersOf[from]?.indexOf(machine) ?? -1;
  if (before >= 0) return before;
  if (!(machine in cast.natOf)) return Number.POSITIVE_INFINITY;
  const behind = Math.max(...Object.values(cast.routersOf).map((chain) => chain.indexOf(machine)));
  return Object.keys(cast.natOf).length * 2 - behind;
}

/** Its source as it was when it left the last machine on the sender's side. */
export function sourceOutside(cast: Cast, { steps }: Pick<Journey, 'steps'>): string {
  return (steps.findLast((step) => isOwn(cast, step.machine, step.source)) ?? steps[0]).source;
}

/** What a host was told by the STUN server. */
export function addressesLearnt(journeys: readonly Journey[], host: string): string[] {
  const answers = journeys.flatMap(({ meaning, from, fate }) =>
    from === 'server' && meaning.kind === 'answer' && fate.kind === 'arrived' && fate.at === host
      ? [meaning.seen ?? '']
      : [],
  );
  return [...new Set(answers)];
}

function fateOf(cast: Cast, steps: readonly [Sighting, ...Sighting[]]): Fate {
  const last = steps.at(-1) ?? steps[0];
  const { machine, target, atUs } = last;
  if (!isOwn(cast, machine, last.source)) {
    return machine in cast.natOf ? { kind: 'dropped', by: machine } : { kind: 'arrived', at: machine, atUs };
  }
  // What it would have come to next on its way out.
  const chain = cast.routersOf[steps[0].machine] ?? [];
  const next = chain[chain.indexOf(machine) + 1];
  if (next !== undefined) {
    const isForItself = chain.some((router) => isOwn(cast, router, target));
    return { kind: 'kept', by: next, isForItself };
  }
  return ownerOf(cast, target) === undefined ? { kind: 'nowhere' } : { kind: 'lost' };
}
