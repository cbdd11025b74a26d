import { BLOCK_BYTES } from '../limits.ts';
import { allGoesWell, type Scenario } from './scenario.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimulatedFiles } from './simulated-files.ts';
import { SimulatedSession } from './simulated-session.ts';
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
    const places = [...scenario.sizes.keys()];
    const order = scenario.reordered ? scenario.sizes.map(() => random.takeOne(places)) : places;
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
