import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFile } from '../../e2e/harness/files.ts';
import type { Bench, Experiment } from '../bench.ts';
import { launchChromium } from '../chromium.ts';
import { inTurn, type Row } from '../figures.ts';
import { dataChannelsOnly } from '../our-options.ts';
import { deliverWhole, speedOf } from '../peers/delivery.ts';
import {
  commandReceiver,
  commandSender,
  pageReceiver,
  pageSender,
  type Receiver,
  type Sender,
} from '../peers/parties.ts';

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
async function* besideOne(bench: Bench, name: string, count: number, sender: Sender, receiver: Receiver) {
  const bytes = count * FILE_BYTES;
  const [folder, file] = [await makeFolder(bench, count), await bench.file(bytes)];
  const move = (path: string) => deliverWhole(sender, receiver, { path, bytes, limitSeconds: LIMIT_SECONDS });
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
      const args = await dataChannelsOnly();
      await using server = await bench.serve();
      const command = { serverUrl: server.url, env: bench.env, args };
      const [sender, receiver] = [commandSender(command), commandReceiver(command, bench.folder)];
      yield* besideOne(bench, node.name, bench.isShort ? 500 : 10_000, sender, receiver);
    },
  },
  {
    rows: [chromium],
    async *measure(bench) {
      await using server = await bench.serve();
      await using browser = await launchChromium();
      const sender = pageSender(await browser.page(), browser.pid, server.url);
      const receiver = pageReceiver(await browser.page(), browser.pid);
      yield* besideOne(bench, chromium.name, bench.isShort ? 300 : 5000, sender, receiver);
    },
  },
];
