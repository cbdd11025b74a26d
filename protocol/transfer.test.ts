import fc from 'fast-check';
import { describe, it } from 'vitest';
import { MIN_CREDIT_COST_BYTES } from './block.ts';
import {
  BLOCK_BYTES,
  DEFAULT_CREDIT_BYTES,
  MAX_CREDIT_BYTES,
  MAX_LIST_ITEMS,
  MAX_RANGE_BLOCKS,
} from './limits.ts';
import { FUZZ } from './testing/fuzz.ts';
import type { Scenario } from './testing/simulated-session.ts';
import { simulateTransfer } from './testing/simulated-transfer.ts';

const QUIET: Scenario = {
  seed: 1,
  sizes: [],
  chosen: [],
  creditBytes: DEFAULT_CREDIT_BYTES,
  lanes: 1,
  laneDeaths: 0,
  sourceChanges: 0,
  readsNoticeChanges: false,
  damageChance: 0,
  readFailureChance: 0,
  sinkFailureChance: 0,
  sessionDeaths: 0,
  meanwhileChance: 0,
  diskDamageChance: 0,
  reordered: false,
  pauses: 0,
  cancels: 0,
};

/** Around every size at which something is counted differently. */
const INTERESTING_SIZES = [
  0,
  1,
  MIN_CREDIT_COST_BYTES - 1,
  MIN_CREDIT_COST_BYTES + 1,
  BLOCK_BYTES - 1,
  BLOCK_BYTES,
  BLOCK_BYTES + 1,
  3 * BLOCK_BYTES,
];

const size = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...INTERESTING_SIZES) },
  { weight: 2, arbitrary: fc.nat({ max: 12 * BLOCK_BYTES }) },
  { weight: 1, arbitrary: fc.constant(null) },
);

const scenario = fc.array(size, { maxLength: 15, size: 'max' }).chain(
  (sizes): fc.Arbitrary<Scenario> =>
    fc.record({
      seed: fc.nat(),
      sizes: fc.constant(sizes),
      chosen: fc.shuffledSubarray([...sizes.keys()]),
      creditBytes: fc.constantFrom(BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES, DEFAULT_CREDIT_BYTES),
      lanes: fc.integer({ min: 0, max: 4 }),
      laneDeaths: fc.constantFrom(0, 0, 3, 20),
      sourceChanges: fc.constantFrom(0, 0, 2),
      readsNoticeChanges: fc.boolean(),
      damageChance: fc.constantFrom(0, 0, 5, 50),
      readFailureChance: fc.constantFrom(0, 0, 5),
      sinkFailureChance: fc.constantFrom(0, 0, 5),
      sessionDeaths: fc.constantFrom(0, 0, 1, 3, 10),
      meanwhileChance: fc.constantFrom(0, 0, 20, 60),
      diskDamageChance: fc.constantFrom(0, 0, 10, 60),
      reordered: fc.boolean(),
      pauses: fc.constantFrom(0, 0, 3, 20),
      cancels: fc.constantFrom(0, 0, 0, 2),
    }),
);

const MIB = BLOCK_BYTES;
/** Each ended badly once; what went wrong is said above it. */
const FOUND: readonly Partial<Scenario>[] = [
  // A file given up after its root was told kept its share of the credit,
  {
    seed: 2481,
    sizes: [2155260],
    creditBytes: MIB + 1,
    lanes: 0,
    readsNoticeChanges: true,
    sinkFailureChance: 5,
  },
  // … until there was none,
  {
    seed: 3878,
    sizes: [1223422, 1277305],
    creditBytes: MIB,
    lanes: 0,
    readsNoticeChanges: true,
    damageChance: 50,
    readFailureChance: 5,
  },
  // … and what its lost lane had carried was sent again.
  { seed: 4945, sizes: [MIB - 1], laneDeaths: 3, readFailureChance: 5, sinkFailureChance: 5 },
  // A block asked for twice was counted twice and freed once.
  {
    seed: 3155,
    sizes: [MIB + 1, 4095, 55750],
    creditBytes: MIB + 1,
    lanes: 3,
    laneDeaths: 20,
    readsNoticeChanges: true,
    damageChance: 50,
    sinkFailureChance: 5,
  },
  // A damaged copy of a block that had come by another way was not acknowledged.
  { seed: 4701, sizes: [3 * MIB, 2394958], creditBytes: MIB, laneDeaths: 3, damageChance: 50 },
  // A copy of a block whose file was committed was not acknowledged.
  {
    seed: 1034,
    sizes: [197473, MIB - 1],
    creditBytes: MIB + 1,
    lanes: 3,
    laneDeaths: 3,
    readsNoticeChanges: true,
    damageChance: 50,
  },
  // A root was told twice.
  { seed: 4341, sizes: [3 * MIB], creditBytes: 3 * MIB, lanes: 2, laneDeaths: 3, damageChance: 50 },
  // A committed file failed after the fact.
  { seed: 4200, sizes: [3 * MIB, 4097], laneDeaths: 3, readsNoticeChanges: true, readFailureChance: 5 },
  // A source that changed was called damage.
  { seed: 2843, sizes: [MIB], creditBytes: MIB + 1, lanes: 4, laneDeaths: 3, sourceChanges: 2 },
];

const all = (sizes: readonly (number | null)[]): number[] => [...sizes.keys()];
const run = (drawn: Partial<Scenario>): number =>
  simulateTransfer({ ...QUIET, chosen: all(drawn.sizes ?? []), ...drawn });

describe('a sender and a receiver, whatever happens between them', () => {
  it(
    'bring every transfer to its end, within the credit, and agree on it',
    () => {
      fc.assert(
        fc.property(scenario, (drawn) => {
          run(drawn);
        }),
        {
          numRuns: 2000 * FUZZ,
          examples: FOUND.map((found) => [{ ...QUIET, chosen: all(found.sizes ?? []), ...found }]),
        },
      );
    },
    20_000 * FUZZ,
  );

  const manyTiny = Array.from({ length: 20_000 }, (_, i) => (i % 7 === 0 ? null : i % 3));
  const severalRanges = [1, 2 * MAX_RANGE_BLOCKS * BLOCK_BYTES + 3, MAX_RANGE_BLOCKS * BLOCK_BYTES, 0];
  it.each<[string, Partial<Scenario>]>([
    ['nothing but folders', { sizes: [null, null] }],
    ['nothing chosen', { sizes: [1, 2], chosen: [] }],
    ['more tiny files than are open at once', { sizes: manyTiny, lanes: 2, laneDeaths: 5 }],
    [
      'many tiny files, some of which fail',
      { sizes: manyTiny.slice(0, 4000), readFailureChance: 3, sinkFailureChance: 2 },
    ],
    ['every file unreadable', { sizes: manyTiny.slice(0, 3 * MAX_LIST_ITEMS), readFailureChance: 100 }],
    [
      'a disk that takes nothing',
      { sizes: [...manyTiny.slice(0, 3000), ...severalRanges], sinkFailureChance: 100 },
    ],
    [
      'a lane that delivers nothing whole',
      { sizes: [...manyTiny.slice(0, 100), 20 * MIB], damageChance: 100 },
    ],
    [
      'files of several ranges',
      { sizes: severalRanges, creditBytes: MAX_CREDIT_BYTES, lanes: 3, laneDeaths: 5 },
    ],
    ['lanes that hardly live', { sizes: [20 * MIB, ...manyTiny.slice(0, 50)], laneDeaths: 400 }],
  ])('end with %s', (_what, special) => {
    run(special);
  });
});
