import { openLab } from './lab.ts';
import type { Network } from './network.ts';

const ROUNDS = 10;

/** Sets a network up and removes it a few times, and says how long that took: in the middle, and at worst. */
export async function measureSetUp(network: Network): Promise<string> {
  const setUpMs: number[] = [];
  const removalMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedMs = performance.now();
    const lab = await openLab(network);
    const openMs = performance.now();
    await lab.close();
    setUpMs.push(openMs - startedMs);
    removalMs.push(performance.now() - openMs);
  }
  const both = setUpMs.map((ms, round) => ms + (removalMs[round] ?? 0));
  const line = (name: string, values: readonly number[]): string => {
    const sorted = [...values].sort((a, b) => a - b);
    const [median = 0, worst = 0] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
    return `${name.padEnd(12)}${median.toFixed(0).padStart(6)} ms, at worst ${worst.toFixed(0)} ms`;
  };
  return [
    `${ROUNDS} rounds`,
    line('setting up', setUpMs),
    line('removing', removalMs),
    line('both', both),
  ].join('\n');
}
