import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchOptions } from './bench.ts';
import type { Result, Row } from './figures.ts';
import type { MachineReport } from './machine.ts';

/** A table for people, on standard output, and a file with every round for programs. */

export interface Report {
  readonly options: BenchOptions;
  readonly machine: MachineReport;
  readonly results: readonly Result[];
}

const VERDICTS = {
  aim: 'reaches its aim',
  floor: 'above its floor',
  below: 'BELOW ITS FLOOR',
  error: 'FAILED',
};

export function printReport({ options, machine, results }: Report): void {
  const { cores, model, loadBefore, loadAfter, busyPercent } = machine;
  const load = `load ${loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after`;
  console.log(`\n${cores} cores (${model}), ${load}, processors busy ${busyPercent.toFixed(0)} %`);
  console.log(`${options.rounds} ${options.rounds === 1 ? 'round' : 'rounds'}, medians`);
  if (options.isShort) console.log('SHORT: with sizes as small as these the figures say nothing.');
  console.log('\n| row | figure | ours | against | ratio | floor | aim | verdict |');
  console.log('|---|---|---|---|---|---|---|---|');
  for (const { row, ours, against, value, verdict } of results) {
    const theirs = row.against === '' ? '–' : `${row.against}: ${shown(against, row.unit)}`;
    const marks = [marked(row, row.floor), row.aim === undefined ? '–' : marked(row, row.aim)];
    const said = `${VERDICTS[verdict]}${options.isShort ? ' (short)' : ''}`;
    const cells = [row.name, row.figure, shown(ours, row.unit), theirs, judged(row, value), ...marks, said];
    console.log(`| ${cells.join(' | ')} |`);
  }
  const errors = results.filter(({ error }) => error !== undefined);
  if (errors.length > 0) console.log('\nWhat failed:');
  for (const { row, error } of errors)
    console.log(`- ${row.name}: ${error?.trim().replaceAll('\n', '\n  ')}`);
  const notes = results.flatMap(({ row, rounds }) =>
    rounds.flatMap(({ note }, index) => (note === undefined ? [] : [`- ${row.name}, ${index + 1}: ${note}`])),
  );
  if (notes.length > 0) console.log(`\nSeen besides:\n${notes.join('\n')}`);
}

/** @returns the path of the file */
export async function writeReport(report: Report): Promise<string> {
  const folder = join(import.meta.dirname, 'results');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${new Date().toISOString().replaceAll(':', '-')}.json`);
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
  return path;
}

function shown(value: number | undefined, unit: string): string {
  return value === undefined ? '–' : `${rounded(value)} ${unit}`;
}

function judged({ compare, unit }: Row, value: number | undefined): string {
  if (value === undefined) return '–';
  if (compare === 'ratio') return value.toFixed(2);
  return compare === 'difference' ? `${value < 0 ? '−' : '+'} ${rounded(Math.abs(value))} ${unit}` : '–';
}

function marked({ compare, better, unit }: Row, mark: number): string {
  const bound = better === 'less' ? 'at most ' : '';
  if (compare === 'ratio') return `${bound}${mark}`;
  return `${bound}${compare === 'difference' ? '+ ' : ''}${mark} ${unit}`;
}

function rounded(value: number): string {
  return Math.abs(value) < 10
    ? value.toFixed(2)
    : Math.abs(value) < 100
      ? value.toFixed(1)
      : value.toFixed(0);
}
