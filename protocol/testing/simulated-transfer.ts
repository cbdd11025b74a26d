import { BLOCK_BYTES } from '../limits.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimulatedFiles } from './simulated-files.ts';
import { type Scenario, SimulatedSession } from './simulated-session.ts';
import { expectThat } from './transfer-books.ts';

/**
 * A whole delivery: one session after the other, each with machines of its own, until one comes to the end. In between
 * sources change and disks rot. Throws where something that must always hold does not.
 * @returns how many steps the last session took
 */
export function simulateTransfer(scenario: Scenario): number {
  const random = new SeededRandom(scenario.seed);
  // The last one is for each session to measure its credit with; nobody chooses it.
  const files = new SimulatedFiles([...scenario.sizes, BLOCK_BYTES]);
  let session: SimulatedSession | null = null;
  for (let deaths = 0; ; deaths += 1) {
    const order = [...scenario.sizes.keys()];
    if (scenario.reordered) order.sort(() => random.below(3) - 1);
    const lifeSteps =
      deaths < scenario.sessionDeaths
        ? random.below(random.oneOf([20, 200, 1000]))
        : Number.POSITIVE_INFINITY;
    session = new SimulatedSession(scenario, files, order, random, session);
    const steps = session.run(lifeSteps);
    if (steps !== null) {
      if (allGoesWell(scenario)) expectThat(files.failed.size === 0, 'a file failed and nothing was wrong');
      return steps;
    }
    files.meanwhile(random, scenario.meanwhileChance, scenario.diskDamageChance);
  }
}

/** Sources may change between sessions, sessions and lanes may die, and disks may rot: every file arrives all the same. */
function allGoesWell(scenario: Scenario): boolean {
  const { damageChance, readFailureChance, sinkFailureChance, sourceChanges, cancels } = scenario;
  return damageChance + readFailureChance + sinkFailureChance + sourceChanges + cancels === 0;
}
