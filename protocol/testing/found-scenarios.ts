import { BLOCK_BYTES as MIB } from '../limits.ts';
import type { Scenario } from './scenario.ts';

/**
 * Scenarios in which a transfer went wrong once, the real one or one with the mistake that is named put in; what went
 * wrong is said above each. They are run before any that are drawn. Fields left out are those of a quiet transfer, in
 * which everything is chosen.
 */
export const FOUND: readonly Partial<Scenario>[] = [
  // A file given up after its blocks were taken up kept its share of the credit,
  { seed: 9, sizes: [3 * MIB], readFailureChance: 5 },
  // … until there was none.
  {
    seed: 3878,
    sizes: [1223422, 1277305],
    creditBytes: MIB,
    lanes: 0,
    readsNoticeChanges: true,
    damageChance: 50,
    readFailureChance: 5,
  },
  // A frame that had gone back to the lane that held it back was lost with that lane.
  { seed: 9, sizes: [8965584], laneDeaths: 3, laneStalls: 3 },
  // Not all that a lane had lost was sent again.
  { seed: 48, sizes: [7438710], laneDeaths: 20 },
  // A block asked for twice was counted twice and freed once.
  { seed: 9, sizes: [4095], laneStalls: 20, damageChance: 50, pauses: 20 },
  // A copy of a block that had come by another way was not acknowledged, and kept its share of the credit,
  { seed: 13, sizes: [7438710], laneStalls: 20, damageChance: 50 },
  // … until there was none,
  { seed: 4701, sizes: [3 * MIB, 2394958], creditBytes: MIB, laneDeaths: 3, damageChance: 50 },
  // … nor was one of a block whose file was committed,
  { seed: 38, sizes: [MIB, 0, MIB], laneStalls: 20, damageChance: 5 },
  // … but one of a block that was not written yet was.
  { seed: 21, sizes: [11310820, MIB], creditBytes: MIB, laneStalls: 20, pauses: 3 },
  // A block was begun anew while it was judged,
  { seed: 21, sizes: [4095], laneStalls: 3 },
  // … when it was written,
  { seed: 2, sizes: [5608391], laneStalls: 3 },
  // … when its file was committed; or the frame that came late ended the session.
  { seed: 2, sizes: [1], laneStalls: 20 },
  { seed: 2, sizes: [4095], laneStalls: 20 },
  // A root was told twice.
  { seed: 4341, sizes: [3 * MIB], creditBytes: 3 * MIB, lanes: 2, laneDeaths: 3, damageChance: 50 },
  // A committed file failed after the fact.
  { seed: 24, sizes: [4095, 1], laneStalls: 20, sourceChanges: 2, cancels: 2 },
  // A held block that was lost was never asked for again.
  { seed: 5, sizes: [3 * MIB, 0], sessionDeaths: 10, meanwhileChance: 60 },
  // A held block was asked for; or it was there and did not count as written.
  { seed: 1, sizes: [7438710], sessionDeaths: 3 },
  // A file that changed between sessions was given up.
  {
    seed: 850691713,
    sizes: [null, MIB, 4655605],
    chosen: [2],
    creditBytes: MIB,
    lanes: 0,
    sessionDeaths: 1,
    meanwhileChance: 60,
  },
  // A block that the comparison had taken back still counted as written.
  {
    seed: 7,
    sizes: [MIB - 1, 4339021, 9458297, 2144322, 3 * MIB, 0],
    chosen: [2, 3, 4, 5],
    sessionDeaths: 10,
    meanwhileChance: 60,
  },
  // Nobody was told that a file had changed.
  { seed: 5, sizes: [6635800], sessionDeaths: 3, meanwhileChance: 60 },
  // The comparison fetched what had not changed.
  { seed: 1, sizes: [11911465], sessionDeaths: 10, meanwhileChance: 20 },
  // A paused file was sent.
  { seed: 5, sizes: [4095], pauses: 20 },
  // A paused file was confirmed.
  { seed: 5, sizes: [1], pauses: 20 },
  // The leaves behind a root were forgotten when it was told.
  {
    seed: 30,
    sizes: [MIB + 1, 3 * MIB, 3 * MIB, 4806293],
    chosen: [0],
    sessionDeaths: 3,
    meanwhileChance: 20,
    pauses: 20,
  },
  // Blocks that were held, lost and fetched again were counted twice.
  { seed: 1, sizes: [3 * MIB, 3317925], sessionDeaths: 3, diskDamageChance: 60 },
  // A file was cancelled before its receiver had the manifest; and the receiver was never told.
  { seed: 1, sizes: [4097], cancels: 2 },
  // The root after a comparison was that of the old leaves.
  { seed: 13, sizes: [5044328, 11911465], chosen: [1], sessionDeaths: 10, meanwhileChance: 60 },
  // The leaf of a file of one block was asked for.
  { seed: 7, sizes: [4097, 6635800], sessionDeaths: 3, meanwhileChance: 60 },
];
