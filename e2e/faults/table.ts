import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Moment, Outcome } from './cell.ts';
import type { Pairing } from './fault.ts';

/** One line of the table. */
export interface Row extends Partial<Outcome> {
  readonly fault: string;
  readonly sentence: string;
  readonly pairing: Pairing;
  readonly moment: Moment;
  readonly survived: boolean;
  /** Why there is no outcome. */
  readonly reason?: string;
}

const folder = join(import.meta.dirname, '..', '..', 'test-results', 'faults');
const linesPath = join(folder, 'rows.jsonl');

/** Rows are kept in a file: after a failed test the next ones run in another process. */
export async function addRow(row: Row): Promise<void> {
  await mkdir(folder, { recursive: true });
  await appendFile(linesPath, `${JSON.stringify(row)}\n`);
}

/** Writes all rows of this run so far as `faults.json` and `faults.md`. @returns what was written as Markdown */
export async function writeTable(): Promise<string> {
  const lines = await readFile(linesPath, 'utf8').catch(() => '');
  const rows = lines
    .split('\n')
    .filter(Boolean)
    .map((line): Row => JSON.parse(line));
  if (rows.length === 0) return '';
  const table = markdown(rows);
  await writeFile(join(folder, 'faults.json'), `${JSON.stringify(rows, null, 2)}\n`);
  await writeFile(join(folder, 'faults.md'), table);
  return table;
}

function markdown(rows: readonly Row[]): string {
  const survived = rows.filter((row) => row.survived).length;
  const impossible = rows.filter((row) => !row.survived && row.reason !== undefined).length;
  return [
    '| fault | from | to | moment | survived | sent twice | flows again after |',
    '|---|---|---|---|---|---|---|',
    ...rows.map(line),
    '',
    `${survived} of ${rows.length - impossible} survived; ${impossible} cannot happen.`,
    '',
  ].join('\n');
}

function line({ fault, pairing, moment, survived, reason, sentTwiceBytes, secondsToFlow }: Row): string {
  const twice =
    sentTwiceBytes === undefined || sentTwiceBytes === null
      ? '–'
      : `${(sentTwiceBytes / 1024 ** 2).toFixed(1)} MiB`;
  const flow = secondsToFlow === undefined ? '–' : `${secondsToFlow.toFixed(1)} s`;
  const cells = [
    ...[fault, pairing.sender, pairing.receiver, moment],
    ...[survived ? 'yes' : (reason ?? '**no**'), twice, flow],
  ];
  return `| ${cells.join(' | ')} |`;
}
