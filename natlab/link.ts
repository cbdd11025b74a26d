/** One direction of a link. What is left out is perfect, but for the queue: see {@link ResolvedDirection}. */
export interface LinkDirection {
  /** How long a frame travels. */
  readonly delayMs?: number;
  /** Up to this much more or less delay, evenly distributed. Reorders nothing. */
  readonly jitterMs?: number;
  /** Bits per second, counted with Ethernet headers. 0: no limit. */
  readonly rateMbit?: number;
  /** What may wait until the rate lets it through; the rest is dropped. Means nothing without a rate. */
  readonly queueKib?: number;
  /** How many of the frames are lost, each independently of the others. */
  readonly lossPercent?: number;
  /** How many of the frames skip delay and jitter, and so overtake all that are travelling. */
  readonly reorderPercent?: number;
}

/**
 * A cable: the same both ways, or each direction by itself ('up' = away from the host or LAN, 'down' = towards it).
 * What `up` or `down` leave out is as for both.
 */
export interface Link extends LinkDirection {
  readonly up?: LinkDirection;
  readonly down?: LinkDirection;
  /** Of the randomness of losses, jitter and reordering: the same seed and frames give the same losses. Default 0. */
  readonly seed?: number;
}

/**
 * One direction with nothing left out. Its queue holds what the rate moves in one round trip, so that one TCP
 * connection can fill the link, and 64 KiB at least.
 */
export type ResolvedDirection = Required<LinkDirection>;

export interface ResolvedLink {
  readonly up: ResolvedDirection;
  readonly down: ResolvedDirection;
  readonly seed: number;
}

const LEAST_QUEUE_KIB = 64;

/** As linkem.c has them; a queue of less than a frame would let nothing through. */
const BOUNDS = {
  delayMs: [0, 10_000],
  jitterMs: [0, 10_000],
  rateMbit: [0, 100_000],
  queueKib: [2, 65_536],
  lossPercent: [0, 100],
  reorderPercent: [0, 100],
} as const satisfies Record<keyof LinkDirection, readonly [number, number]>;

const LEAST_RATE_MBIT = 0.001;
const MAX_SEED = 2 ** 32 - 1;

/**
 * Both directions of a link, with nothing left out.
 * @throws RangeError that says what to write instead
 */
export function resolveLink({ up, down, seed = 0, ...both }: Link): ResolvedLink {
  if (!Number.isInteger(seed) || seed < 0 || seed > MAX_SEED) {
    throw new RangeError(`A link's seed is ${seed}: write a whole number of 0 to ${MAX_SEED}.`);
  }
  const [away, towards] = [
    { ...both, ...up },
    { ...both, ...down },
  ];
  const roundTripMs = (away.delayMs ?? 0) + (towards.delayMs ?? 0);
  return { up: resolve('up', away, roundTripMs), down: resolve('down', towards, roundTripMs), seed };
}

function resolve(way: 'up' | 'down', direction: LinkDirection, roundTripMs: number): ResolvedDirection {
  const { delayMs = 0, jitterMs = 0, rateMbit = 0, lossPercent = 0, reorderPercent = 0 } = direction;
  const productKib = (rateMbit * 1e6 * roundTripMs) / 1000 / 8 / 1024;
  const defaultKib = Math.min(Math.max(productKib, LEAST_QUEUE_KIB), BOUNDS.queueKib[1]);
  const { queueKib = defaultKib } = direction;
  const resolved = { delayMs, jitterMs, rateMbit, queueKib, lossPercent, reorderPercent };

  const refuse = (name: keyof LinkDirection, instead: string): never => {
    throw new RangeError(`${name} (${way}) is ${resolved[name]}: write ${instead}.`);
  };
  for (const name of Object.keys(BOUNDS) as (keyof typeof BOUNDS)[]) {
    const [low, high] = BOUNDS[name];
    // Put so that NaN is refused.
    if (!(resolved[name] >= low && resolved[name] <= high)) refuse(name, `a number of ${low} to ${high}`);
  }
  if (rateMbit > 0 && rateMbit < LEAST_RATE_MBIT) {
    refuse('rateMbit', `0 for no limit, or at least ${LEAST_RATE_MBIT}; a cable is cut by pulling it`);
  }
  if (jitterMs > delayMs)
    refuse('jitterMs', `at most delayMs (${delayMs}), as nothing arrives before it was sent`);
  if (reorderPercent > 0 && delayMs === 0) {
    refuse('reorderPercent', '0, or a delayMs as well: frames overtake by skipping the delay');
  }
  return resolved;
}

/** What netem, which counts frames, may hold where there is no rate to say how much it needs. */
const UNLIMITED_FRAMES = 65_536;
const FULL_FRAME_BYTES = 1514;

/**
 * The words that follow `tc qdisc replace dev DEVICE root` for one direction. Each direction is set where its frames
 * leave, and with a seed of its own (netem's stream is the same for the same seed, so both would lose the same frames).
 *
 * Delay, jitter, loss and rate were measured with them on Linux 6.1; where a kernel has no netem, the tests see their
 * text alone. Known differences from linkem:
 * - netem's `limit` counts frames, waiting and travelling, so that a queue of small frames holds fewer bytes;
 * - a frame that netem reorders skips the queue and the rate as well;
 * - netem reorders by jitter unless it has a rate, so it is given one here (10 Gbit/s) where there is no limit.
 *
 * @param seed needs Linux and iproute2 6.6; older ones refuse the word. Left out: other losses each time.
 */
export function netemArguments(direction: ResolvedDirection, seed?: number): string[] {
  const { delayMs, jitterMs, rateMbit, queueKib, lossPercent, reorderPercent } = direction;
  const travellingBytes = (rateMbit * 1e6 * (delayMs + jitterMs)) / 1000 / 8;
  const limit = Math.ceil((queueKib * 1024 + travellingBytes) / FULL_FRAME_BYTES);
  const words = ['netem', 'limit', String(rateMbit > 0 ? limit : UNLIMITED_FRAMES)];
  if (delayMs > 0) words.push('delay', `${decimal(delayMs)}ms`);
  if (jitterMs > 0) words.push(`${decimal(jitterMs)}ms`);
  if (lossPercent > 0) words.push('loss', 'random', `${decimal(lossPercent)}%`);
  if (reorderPercent > 0) words.push('reorder', `${decimal(reorderPercent)}%`);
  if (rateMbit > 0) words.push('rate', `${decimal(rateMbit * 1000)}kbit`);
  else if (jitterMs > 0) words.push('rate', '10gbit');
  if (seed !== undefined) words.push('seed', String(seed));
  return words;
}

/** A line of linkem's: all settings of one direction. */
export function linkemSettings(name: 'a->b' | 'b->a', direction: ResolvedDirection): string {
  const { delayMs, jitterMs, rateMbit, queueKib, lossPercent, reorderPercent } = direction;
  return [
    `${name} delay ${decimal(delayMs)} jitter ${decimal(jitterMs)} rate ${decimal(rateMbit)}`,
    `queue ${decimal(queueKib)} loss ${decimal(lossPercent)} reorder ${decimal(reorderPercent)}`,
  ].join(' ');
}

/** To a millionth, which is never written with an exponent: not every number's place takes one. */
function decimal(value: number): string {
  return String(Number(value.toFixed(6)));
}
