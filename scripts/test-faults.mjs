/**
 * `npm run test:faults`: every fault, between every two programs, at every moment. `-- FILTER…` takes the cells whose
 * names match one of the regular expressions, such as `receiver-killed` or `cli to browser, last`.
 */
import './node-version.mjs';
import { join } from 'node:path';
import { run } from './child.mjs';
import { prepareBuild, prepareDependencies, root } from './prepare.mjs';
import { ensureSystemPackages } from './system-packages.mjs';
import { Complaint, main, say } from './talk.mjs';

/** What one cell takes at most and on average; see e2e/faults/limits.ts for the former. */
const CELL_MAX_S = 240;
const CELL_USUAL_S = 35;
const LIST_TIMEOUT_MS = 60_000;

await main(import.meta.filename, async () => {
  await prepareDependencies();
  await ensureSystemPackages(['e2e']);
  await prepareBuild();
  const filters = process.argv.slice(2);
  const matching = filters.length === 0 ? [] : ['--grep', filters.map((filter) => `(${filter})`).join('|')];
  const listed = await playwright(['--list', ...matching], { stdio: 'pipe', timeoutMs: LIST_TIMEOUT_MS });
  const cells = Number(/Total: (\d+) test/.exec(listed.output)?.[1] ?? 0);
  if (cells === 0) throw new Complaint('No cell has such a name.');
  say(
    `${cells} cells: some ${minutes(cells * CELL_USUAL_S)} minutes, ${minutes(cells * CELL_MAX_S)} at most.`,
  );
  const { status, overtime } = await playwright(matching, { timeoutMs: (cells + 1) * CELL_MAX_S * 1000 });
  if (overtime) say('It took too long and was ended.');
  say('The table is in test-results/faults/faults.md and faults.json.');
  process.exitCode = overtime ? 1 : (status ?? 1);
});

function playwright(args, options) {
  const path = join(root, 'node_modules', '@playwright/test/cli.js');
  const words = ['test', '-c', 'e2e/playwright.config.ts', 'faults', ...args];
  return run(process.execPath, [path, ...words], { cwd: root, env: { SALLYPORT_FAULTS: 'all' }, ...options });
}

function minutes(seconds) {
  return Math.ceil(seconds / 60);
}
