/** The test runners: how each is started, how long it may take, and where it says what it counted. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { runChecks } from './check.mjs';
import { run } from './child.mjs';
import { root } from './prepare.mjs';
import { say } from './talk.mjs';

const UNIT_TIMEOUT_MS = 9 * 60_000;
const E2E_TIMEOUT_MS = 14 * 60_000;
/** Lines of each failure that are said again at the end. */
const FAILURE_LINES = 12;

/**
 * `failures` are the names of what failed, each with what it said first.
 * @typedef {{ passed: number, failed: number, skipped: number, failures: string[] }} Counts
 * @type {Record<string, { needsBuild: boolean, run: (filters: string[]) => Promise<Counts> }>}
 */
export const RUNNERS = {
  check: { needsBuild: false, run: async (filters) => verdict('check', await runChecks(filters)) },
  unit: { needsBuild: false, run: runVitest },
  e2e: { needsBuild: true, run: runPlaywright },
};

function runVitest(filters) {
  return withReport('unit', async (report) => {
    const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filters];
    const ended = await runScript('vitest/vitest.mjs', args, UNIT_TIMEOUT_MS);
    return { ended, count: countVitest };
  });
}

/** A file that could not be loaded has failed without any test of its own. */
function countVitest({ numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults }) {
  const unloaded = testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
  );
  return {
    passed: numPassedTests,
    failed: numFailedTests + unloaded.length,
    skipped: numPendingTests + numTodoTests,
    failures: testResults.flatMap(({ name, status, message, assertionResults }) => {
      const failed = assertionResults.filter((test) => test.status === 'failed');
      if (status === 'failed' && failed.length === 0) return [failure(name, message)];
      return failed.map((test) => failure(`${name} › ${test.fullName}`, test.failureMessages[0]));
    }),
  };
}

function runPlaywright(filters) {
  return withReport('e2e', async (report) => {
    const args = ['test', '-c', 'e2e/playwright.config.ts', ...filters];
    const ended = await runScript('@playwright/test/cli.js', args, E2E_TIMEOUT_MS, {
      SALLYPORT_E2E_REPORT: report,
    });
    return { ended, count: countPlaywright };
  });
}

function countPlaywright({ stats, errors, suites }) {
  return {
    passed: stats.expected,
    failed: stats.unexpected + stats.flaky + errors.length,
    skipped: stats.skipped,
    failures: [
      ...errors.map(({ message }) => failure('playwright', message)),
      ...suites.flatMap((suite) => failuresOfSuite(suite, suite.title)),
    ],
  };
}

function failuresOfSuite({ specs = [], suites = [] }, title) {
  return [
    ...specs
      .filter(({ ok }) => !ok)
      .map(({ title: name, tests }) => {
        const messages = tests.flatMap(({ results }) => results).map(({ error }) => error?.message);
        return failure(`${title} › ${name}`, messages.find(Boolean));
      }),
    ...suites.flatMap((suite) => failuresOfSuite(suite, `${title} › ${suite.title}`)),
  ];
}

function failure(name, message = '') {
  const said = stripVTControlCharacters(message).split('\n').slice(0, FAILURE_LINES);
  return [name.replace(`${root}/`, ''), ...said.map((line) => `    ${line}`)].join('\n').trimEnd();
}

function runScript(script, args, timeoutMs, env = {}) {
  const path = join(root, 'node_modules', script);
  return run(process.execPath, [path, ...args], { cwd: root, timeoutMs, env });
}

async function withReport(name, runIt) {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-test-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    const report = join(folder, 'report.json');
    const { ended, count } = await runIt(report);
    return verdict(name, readCounts(report, count), ended);
  } finally {
    process.off('exit', remove);
    remove();
  }
}

/** A runner that crashed leaves no report, or half of one. */
function readCounts(report, count) {
  try {
    return count(JSON.parse(readFileSync(report, 'utf8')));
  } catch {
    return { passed: 0, failed: 0, skipped: 0, failures: [] };
  }
}

/** No failure may go uncounted: a runner that ran nothing, ran too long or ended badly has itself failed. */
function verdict(name, counts, { status, signal, overtime } = { status: 0 }) {
  const complaint =
    (overtime && 'took too long and was ended') ||
    (counts.failed === 0 && status !== 0 && `ended with ${signal ?? `status ${status}`}`) ||
    (counts.failed === 0 && counts.passed === 0 && 'ran nothing');
  if (!complaint) return counts;
  say(`${name} ${complaint}.`);
  return { ...counts, failed: counts.failed + 1, failures: [...counts.failures, `${name} ${complaint}`] };
}
