import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Bench, type BenchOptions, type Experiment, openBench } from './bench.ts';
import { judge, type Pair, type Result } from './figures.ts';
import { loadNow, watchMachine } from './machine.ts';
import { printReport, writeReport } from './report.ts';
import { FAIRNESS } from './rows/fairness.ts';
import { FIRST_BYTE } from './rows/first-byte.ts';
import { LONG_LINK } from './rows/long-link.ts';
import { LOOPBACK } from './rows/loopback.ts';
import { MAIN_THREAD } from './rows/main-thread.ts';
import { MEMORY } from './rows/memory.ts';
import { SMALL_FILES } from './rows/small-files.ts';
import { TCP } from './rows/tcp.ts';

/** `npm run bench`: every figure against its limit or a peer in the same run. See README.md here. */

const EXPERIMENTS: readonly Experiment[] = [
  ...LOOPBACK,
  ...TCP,
  ...LONG_LINK,
  ...FAIRNESS,
  ...SMALL_FILES,
  ...FIRST_BYTE,
  ...MAIN_THREAD,
  ...MEMORY,
];

/** Runs the experiment once for all of its rows that are wanted. */
async function run(
  experiment: Experiment,
  bench: Bench,
  wants: (name: string) => boolean,
): Promise<Result[]> {
  const rows = experiment.rows.filter(({ name }) => wants(name));
  const found = new Map<string, Pair[]>(rows.map(({ name }) => [name, []]));
  let complaint: string | undefined;
  try {
    for await (const round of experiment.measure(bench)) {
      for (const [name, pairs] of found) {
        const pair = round[name];
        if (pair === undefined) continue;
        pairs.push(pair);
        console.error(`${name}, round ${pairs.length}: ${told(pair)} (load ${loadNow().toFixed(1)})`);
      }
    }
  } catch (error) {
    complaint = complaintOf(error);
    console.error(`${rows.map(({ name }) => name).join(', ')} failed: ${complaint}`);
  }
  return rows.map((row) => judge(row, found.get(row.name) ?? [], complaint));
}

/** Where the taking down failed as well, both. */
function complaintOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!('error' in error && 'suppressed' in error)) return error.message;
  return `${complaintOf(error.suppressed)}\nand then: ${complaintOf(error.error)}`;
}

function told({ ours, against, note }: Pair): string {
  const theirs = against === undefined ? '' : ` against ${against.toFixed(2)}`;
  return `${ours.toFixed(2)}${theirs}${note === undefined ? '' : `; ${note}`}`;
}

/** @throws {RangeError} that says what is wrong with the command line */
function parseOptions(): { options: BenchOptions; only: readonly string[] | undefined } {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      rounds: { type: 'string' },
      short: { type: 'boolean', default: false },
      'memory-gib': { type: 'string', default: '10' },
    },
  });
  const [rounds, memoryGib] = [Number(values.rounds ?? (values.short ? 1 : 3)), Number(values['memory-gib'])];
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError('--rounds is a whole number from 1.');
  if (!(memoryGib > 0)) throw new RangeError('--memory-gib is a number above 0.');
  const names = EXPERIMENTS.flatMap(({ rows }) => rows.map(({ name }) => name));
  const only = values.only?.split(',');
  const unknown = only?.filter((name) => !names.includes(name)) ?? [];
  if (unknown.length > 0)
    throw new RangeError(`There is no row ${unknown.join(', ')}: take some of ${names.join(', ')}.`);
  return { options: { rounds, memoryGib, isShort: values.short }, only };
}

async function main(): Promise<void> {
  const { options, only } = parseOptions();
  const wants = (name: string): boolean => only === undefined || only.includes(name);
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const endWatch = watchMachine();
  const results: Result[] = [];
  const bench = openBench(options, folder);
  for (const experiment of EXPERIMENTS) {
    if (experiment.rows.some(({ name }) => wants(name)))
      results.push(...(await run(experiment, bench, wants)));
  }
  const report = { options, machine: endWatch(), results };
  printReport(report);
  console.log(`\nEvery round: ${await writeReport(report)}`);
  const isBad = ({ verdict }: Result) => verdict === 'error' || (verdict === 'below' && !options.isShort);
  if (results.some(isBad)) process.exitCode = 1;
}

// What is inside is killed at exit.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
await main().catch((error: unknown) => {
  console.error(error instanceof RangeError ? error.message : error);
  process.exitCode = 2;
});
// A step that was given up may hold on to something.
process.exit();
