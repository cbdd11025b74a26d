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
import { FOUND } from './testing/found-scenarios.ts';
import { FUZZ } from './testing/fuzz.ts';
import type { Scenario } from './testing/scenario.ts';
import { simulateTransfer } from './testing/simulated-transfer.ts';

const QUIET: Scenario = {
  seed: 1,
  sizes: [],
  chosen: [],
  creditBytes: DEFAULT_CREDIT_BYTES,
  lanes: 1,
  laneDeaths: 0,
  laneStalls: 0,
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
      laneStalls: fc.constantFrom(0, 0, 3, 20),
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
          numRuns: 1000 * FUZZ,
          examples: FOUND.map((found) => [{ ...QUIET, chosen: all(found.sizes ?? []), ...found }]),
        },
      );
    },
    60_000 * FUZZ,
  );

  const manyTiny = Array.from({ length: 6000 }, (_, i) => (i % 7 === 0 ? null : i % 3));
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
    [
      'lanes that hardly deliver',
      { sizes: [20 * MIB, ...manyTiny.slice(0, 50)], lanes: 3, laneDeaths: 20, laneStalls: 400 },
    ],
  ])(
    'end with %s',
    (_what, special) => {
      run(special);
    },
    60_000,
  );
});
