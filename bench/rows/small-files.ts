import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFile } from '../../e2e/harness/files.ts';
import type { Bench, Experiment } from '../bench.ts';
import { inTurn, type Row } from '../figures.ts';
import { deliverWhole, speedOf } from '../peers/delivery.ts';
import { openOnLoopback } from '../peers/on-loopback.ts';
import { DATA_CHANNELS_ONLY, type Parties } from '../peers/parties.ts';

/** Many small files beside one of the same total. */

const FILE_BYTES = 4096;
const LIMIT_SECONDS = 300;

/** @returns its path */
async function makeFolder(bench: Bench, count: number): Promise<string> {
  const folder = join(bench.folder, `${count}-files`);
  await mkdir(folder, { recursive: true });
  for (let index = 0; index < count; index += 1) await makeFile(join(folder, `${index}.bin`), FILE_BYTES);
  return folder;
}

/** The folder beside the file, by the same two. */
async function* besideOne(bench: Bench, { name }: Row, parties: Parties, count: number) {
  const bytes = count * FILE_BYTES;
  const [folder, file] = [await makeFolder(bench, count), await bench.file(bytes)];
  const move = (path: string) => deliverWhole(parties, { path, bytes, limitSeconds: LIMIT_SECONDS });
  for (const round of bench.eachRound()) {
    const [one, many] = await inTurn(
      round,
      () => move(file),
      () => move(folder),
    );
    yield { [name]: { ours: speedOf(many), against: speedOf(one) } };
  }
}

const shape = {
  against: 'one file of the same total',
  unit: 'MB/s',
  compare: 'ratio',
  better: 'more',
} as const;
const node: Row = {
  ...{ name: 'small-node', figure: '10,000 files of 4 KiB, Node to Node, data channels only', ...shape },
  ...{ floor: 0.33, aim: 0.6 },
};
const chromium: Row = {
  ...{ name: 'small-chromium', figure: '5,000 files of 4 KiB, Chromium to Chromium', ...shape },
  ...{ floor: 0.2, aim: 0.5 },
};

export const SMALL_FILES: readonly Experiment[] = [
  {
    rows: [node],
    async *measure(bench) {
      await using opened = await openOnLoopback(bench, 'node', 'node', DATA_CHANNELS_ONLY);
      yield* besideOne(bench, node, opened.parties, bench.isShort ? 500 : 10_000);
    },
  },
  {
    rows: [chromium],
    async *measure(bench) {
      await using opened = await openOnLoopback(bench, 'chromium', 'chromium');
      yield* besideOne(bench, chromium, opened.parties, bench.isShort ? 300 : 5000);
    },
  },
];
