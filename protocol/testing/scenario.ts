/** What one simulated transfer consists of. Chances are in percent of the times at which the thing could happen. */
export interface Scenario {
  /** Decides every interleaving. */
  readonly seed: number;
  /** Sizes of the files offered, null for a folder. A file's number is its place here. */
  readonly sizes: readonly (number | null)[];
  /** Which of them are chosen, in this order. */
  readonly chosen: readonly number[];
  readonly creditBytes: number;
  readonly lanes: number;
  readonly laneDeaths: number;
  /** How often a lane delivers nothing for long, so that its frames are sent on others too. */
  readonly laneStalls: number;
  readonly sourceChanges: number;
  /** Whether a read, not only the confirmation at the end, notices that the file changed. */
  readonly readsNoticeChanges: boolean;
  readonly damageChance: number;
  readonly readFailureChance: number;
  readonly sinkFailureChance: number;
  /** Sessions that may die before their end. */
  readonly sessionDeaths: number;
  /** Between two sessions, of each file: that it changes at the source, wholly or one block of it. */
  readonly meanwhileChance: number;
  /** Between two sessions, of each written block: that the disk or the journal loses it. */
  readonly diskDamageChance: number;
  /** Whether every session offers the files in another order. */
  readonly reordered: boolean;
  /** How often somebody pauses something. */
  readonly pauses: number;
  readonly cancels: number;
}

/** Nothing fails: sources may change between sessions, sessions and lanes may die, and disks may rot all the same. */
export function allGoesWell(scenario: Scenario): boolean {
  const { damageChance, readFailureChance, sinkFailureChance, sourceChanges, cancels } = scenario;
  return damageChance + readFailureChance + sinkFailureChance + sourceChanges + cancels === 0;
}
