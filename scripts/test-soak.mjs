/**
 * `npm run soak -- [--seed N] [--faults 200] [--size 2GiB] [--pair cli-cli|browser-browser]`: random faults during one
 * transfer, then the digest. The seed is printed; with it the same faults come in the same order.
 */
import './node-version.mjs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from './child.mjs';
import { prepareBuild, prepareDependencies, root } from './prepare.mjs';
import { ensureSystemPackages } from './system-packages.mjs';
import { Complaint, main } from './talk.mjs';

const UNITS = { MiB: 1024 ** 2, GiB: 1024 ** 3 };
const PAIRS = ['cli-cli', 'browser-browser'];

await main(import.meta.filename, async () => {
  const asked = readOptions();
  await prepareDependencies();
  await ensureSystemPackages(['e2e']);
  await prepareBuild();
  const script = join(root, 'node_modules', '@playwright/test/cli.js');
  const words = ['test', '-c', 'e2e/playwright.config.ts', 'soak.spec.ts'];
  const env = { SALLYPORT_SOAK: JSON.stringify(asked) };
  // The test bounds its own time, by what is asked for.
  const { status } = await run(process.execPath, [script, ...words], { cwd: root, env });
  process.exitCode = status ?? 1;
});

function readOptions() {
  const text = { type: 'string' };
  const { values } = parseArgs({ options: { seed: text, faults: text, size: text, pair: text } });
  const { seed, faults = '200', size = '2GiB', pair = 'cli-cli' } = values;
  const [, amount, unit] = /^(\d+)(MiB|GiB)$/.exec(size) ?? [];
  if (unit === undefined) throw new Complaint('--size is a number with MiB or GiB, such as 2GiB.');
  if (!PAIRS.includes(pair)) throw new Complaint(`--pair is one of ${PAIRS.join(', ')}.`);
  for (const number of [seed, faults]) {
    if (number !== undefined && !/^\d+$/.test(number))
      throw new Complaint('--seed and --faults are numbers.');
  }
  return {
    ...(seed !== undefined && { seed: Number(seed) }),
    faults: Number(faults),
    sizeBytes: Number(amount) * UNITS[unit],
    pair,
  };
}
