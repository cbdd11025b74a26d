/**
 * `npm test`: makes everything ready, runs every runner, and ends with one line that adds them up.
 * `npm test -- check|unit|e2e [FILTER…]` runs one of them.
 */
import './node-version.mjs';
import { prepareBuild, prepareDependencies } from './prepare.mjs';
import { ensureSystemPackages } from './system-packages.mjs';
import { Complaint, main, say, secondsSince } from './talk.mjs';
import { RUNNERS } from './test-runners.mjs';

await main(import.meta.filename, async () => {
  const [only, ...filters] = process.argv.slice(2);
  if (only !== undefined && !RUNNERS[only]) {
    throw new Complaint(
      `There is no runner "${only}": npm test -- ${Object.keys(RUNNERS).join('|')} [FILTER…].`,
    );
  }
  const names = only === undefined ? Object.keys(RUNNERS) : [only];
  const total = { passed: 0, failed: 0, skipped: 0 };
  try {
    await prepareDependencies();
    await ensureSystemPackages(names);
    if (names.some((name) => RUNNERS[name].needsBuild)) await prepareBuild();
    const summary = [];
    const failures = [];
    for (const name of names) {
      process.stdout.write(`\n── ${name} ──\n`);
      const startedMs = performance.now();
      const counts = await RUNNERS[name].run(filters);
      for (const key of Object.keys(total)) total[key] += counts[key];
      failures.push(...counts.failures.map((failure) => `${name}: ${failure}`));
      summary.push(`${name.padEnd(6)} ${describe(counts)} in ${secondsSince(startedMs)}`);
    }
    if (failures.length > 0) process.stdout.write(`\nFailed:\n${failures.join('\n')}\n`);
    process.stdout.write(`\n${summary.join('\n')}\n`);
  } catch (error) {
    say(error instanceof Complaint ? error.message : error.stack);
    total.failed += 1;
  }
  process.stdout.write(`${describe(total)}\n`);
  if (total.failed > 0) process.exitCode = 1;
});

function describe({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
