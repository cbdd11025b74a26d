import { BLOCK_BYTES as MIB } from '../limits.ts';
import type { Scenario } from './scenario.ts';

/**
 * Scenarios in which a transfer went wrong once, the real one or one with the mistake that is named put in; what went
 * wrong is said above each. They are run before any that are drawn. Fields left out are those of a quiet transfer, in
 * which everything is chosen.
 */
export const FOUND: readonly Partial<Scenario>[] = [
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
  // A held block that was lost was never asked for again.
  {
    seed: 0,
    sizes: [4095, 1, 4095, 3 * MIB, 4095, MIB + 1, 0, null, 1, 4097, 566033, 10319465, 4097, MIB],
    chosen: [3, 8, 4, 12],
    creditBytes: MIB,
    laneDeaths: 20,
    sessionDeaths: 3,
    meanwhileChance: 60,
    pauses: 20,
    cancels: 2,
  },
  // A held block was asked for.
  {
    seed: 103830333,
    sizes: [MIB - 1, 3 * MIB, 4097, 1, MIB - 1, MIB - 1, 1, 4095, 0, 12313749, 4097, 3 * MIB, MIB, 4095],
    chosen: [11],
    creditBytes: MIB,
    lanes: 0,
    damageChance: 50,
    sessionDeaths: 10,
  },
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
    seed: 0,
    sizes: [MIB - 1, 8401336, MIB - 1, MIB + 1, 1308324, 9829822, 1, 3 * MIB, MIB + 1, 3 * MIB, 0, 1134641],
    chosen: [11, 0, 6, 9],
    creditBytes: MIB,
    lanes: 2,
    sourceChanges: 2,
    sessionDeaths: 3,
    meanwhileChance: 20,
    reordered: true,
    pauses: 3,
  },
  // Nobody was told that a file had changed.
  {
    seed: 0,
    sizes: [1144882, MIB, 3 * MIB, 11168861, null, 6709573, 11780159],
    chosen: [0, 6],
    creditBytes: MIB,
    lanes: 0,
    laneDeaths: 20,
    sessionDeaths: 3,
    meanwhileChance: 20,
  },
  // A held block that was there did not count as written.
  {
    seed: 1658496952,
    sizes: [null, MIB - 1, MIB + 1, 3 * MIB, 3 * MIB],
    chosen: [4],
    creditBytes: MIB,
    lanes: 3,
    sessionDeaths: 1,
  },
  // The comparison fetched what had not changed.
  {
    seed: 992701017,
    sizes: [10740243, 4095, 12152815, MIB - 1, 7474666, 11312349, MIB, 3 * MIB, 0, 7079176, null],
    chosen: [2],
    creditBytes: MIB,
    lanes: 0,
    sessionDeaths: 10,
    meanwhileChance: 60,
    reordered: true,
  },
  // What a lost lane had carried of a paused file was sent again.
  {
    seed: 705682440,
    sizes: [MIB - 1, 4097, 1, 2855967, MIB - 1, 0, MIB, null, 9453750, 4097],
    chosen: [1, 2, 8, 4],
    creditBytes: MIB,
    laneDeaths: 3,
    reordered: true,
    pauses: 20,
    cancels: 2,
  },
  // A paused file was sent.
  {
    seed: 15,
    sizes: [4095, null, MIB - 1, 0, 3 * MIB, 1, 3 * MIB, 9107739, 4097],
    chosen: [4],
    creditBytes: MIB,
    lanes: 0,
    sourceChanges: 2,
    sessionDeaths: 3,
    reordered: true,
    pauses: 3,
  },
  // A paused file was confirmed.
  { seed: 246006426, sizes: [MIB, null], chosen: [0], creditBytes: MIB, pauses: 20 },
  // The leaves behind a root were forgotten when it was told.
  {
    seed: 564314343,
    sizes: [5173830, 3 * MIB, 9612240, MIB + 1, MIB - 1, 1, 4095, MIB + 1, 0, 1546017],
    chosen: [0],
    creditBytes: MIB,
    lanes: 4,
    sessionDeaths: 1,
    meanwhileChance: 60,
  },
  // Blocks that were held, lost and fetched again were counted twice.
  {
    seed: 2109701804,
    sizes: [0, 0, 0, 0, 0, 0, null, 4095, 4097, 0, 0, 2097153],
    chosen: [11, 10],
    creditBytes: MIB,
    lanes: 0,
    sourceChanges: 2,
    sessionDeaths: 10,
    meanwhileChance: 20,
  },
  // A file was cancelled before its receiver had the manifest,
  {
    seed: 0,
    sizes: [2, 1, 2980552, MIB, 10420631],
    chosen: [2],
    creditBytes: MIB,
    sessionDeaths: 1,
    pauses: 20,
    cancels: 2,
  },
  // … and the receiver was never told.
  {
    seed: 32659457,
    sizes: [MIB, MIB + 1, 7619993, MIB, 3054451, null, 3083486, 4095, 1, 4095, null, 904820, 8644527, 1],
    chosen: [12],
    creditBytes: MIB,
    lanes: 0,
    reordered: true,
    cancels: 2,
  },
  // The root after a comparison was that of the old leaves.
  {
    seed: 7,
    sizes: [null, null, MIB - 1, 926770, 1, 5700545, 1977887, MIB - 1, 1, 0, 3 * MIB, 8561410, 2329277],
    chosen: [4, 10],
    creditBytes: MIB,
    lanes: 3,
    sessionDeaths: 10,
    meanwhileChance: 20,
  },
  // The leaf of a file of one block was asked for.
  {
    seed: 18097255,
    sizes: [10497192, MIB - 1, 4097, 4097, 11287322, 490948, null],
    chosen: [1, 4],
    creditBytes: MIB,
    sessionDeaths: 1,
    meanwhileChance: 60,
  },
];
