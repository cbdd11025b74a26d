/** `npm run check`: format, lint, import walls and the types of every room, side by side, in one verdict. */
import './node-version.mjs';
import { join } from 'node:path';
import { run } from './child.mjs';
import { prepareDependencies, root } from './prepare.mjs';
import { main } from './talk.mjs';

const TIMEOUT_MS = 5 * 60_000;
const TSC = 'typescript/bin/tsc';

const CHECKS = {
  biome: ['@biomejs/biome/bin/biome', 'check', '--error-on-warnings'],
  'types of protocol': [TSC, '-p', 'protocol'],
  'types of transport': [TSC, '-p', 'transport'],
  'types of workers': [TSC, '-p', 'client/tsconfig.worker.json'],
  types: [TSC, '-p', '.'],
  'types of the page': [
    'svelte-check/bin/svelte-check',
    ...['--workspace', 'client', '--tsconfig', './tsconfig.json', '--fail-on-warnings', '--output', 'human'],
  ],
};

/**
 * Prints what the failing checks have to say. Call prepareDependencies first.
 * @param {string[]} [filters] parts of the names of the checks wanted; none means all
 * @returns {Promise<import('./test-runners.mjs').Counts>}
 */
export async function runChecks(filters = []) {
  const wanted = Object.entries(CHECKS).filter(
    ([name]) => filters.length === 0 || filters.some((part) => name.includes(part)),
  );
  const results = await Promise.all(
    wanted.map(async ([name, [script, ...args]]) => {
      const path = join(root, 'node_modules', script);
      const { status, output } = await run(process.execPath, [path, ...args], {
        cwd: root,
        stdio: 'pipe',
        timeoutMs: TIMEOUT_MS,
      });
      return { name, isClean: status === 0, output };
    }),
  );
  const failing = results.filter(({ isClean }) => !isClean);
  for (const { name, output } of failing) process.stdout.write(`\n${name} failed:\n${output}\n`);
  const passed = results.length - failing.length;
  process.stdout.write(`check: ${passed} of ${results.length} clean\n`);
  return { passed, failed: failing.length, skipped: 0, failures: failing.map(({ name }) => name) };
}

await main(import.meta.filename, async () => {
  await prepareDependencies();
  const { passed, failed } = await runChecks(process.argv.slice(2));
  if (failed > 0 || passed === 0) process.exitCode = 1;
});
