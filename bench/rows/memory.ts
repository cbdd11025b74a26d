import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, type Experiment, GIB, MIB } from '../bench.ts';
import { type Browser, launchChromium } from '../chromium.ts';
import type { Pair, Row } from '../figures.ts';
import { requireTcpLanes } from '../our-options.ts';
import { deliverWhole } from '../peers/delivery.ts';
import {
  commandReceiver,
  commandSender,
  pageReceiver,
  pageSender,
  type Receiver,
  type Sender,
} from '../peers/parties.ts';
import { ProcessWatch } from '../processes.ts';

/** Whether memory follows the file: peaks of each kind of peer for a large one and for a small one. One round of each. */

const SMALL_BYTES = 64 * MIB;
/** Slower than any figure that counts. */
const LEAST_BYTES_PER_SECOND = 4e6;
/** What a large file takes at most: in the page's private file system, and once more in the downloads. */
const COPIES = 2;

type Parties = (options: {
  bench: Bench;
  serverUrl: string;
  browser: Browser;
}) => Promise<{ sender: Sender; receiver: Receiver }>;

function peaks(
  { sends, receives, needsTcp = false }: { sends: string; receives: string; needsTcp?: boolean },
  parties: Parties,
): Experiment {
  const row = (name: string, who: string): Row => ({
    ...{ name: `memory-${name}`, figure: `peak RSS, ${who}, a file of 10 GiB (or --memory-gib)` },
    ...{ against: '64 MiB', unit: 'MB', compare: 'difference', better: 'less', floor: 150, aim: 50 },
  });
  const rows = [row(sends, spoken(sends)), row(receives, spoken(receives))] as const;
  return {
    rows,
    async *measure(bench) {
      if (needsTcp) await requireTcpLanes();
      const largeBytes = bench.isShort ? 4 * SMALL_BYTES : bench.memoryGib * GIB;
      await requireSpace(bench.folder, COPIES * largeBytes);
      await using server = await bench.serve();
      const measure = async (bytes: number) => {
        await using browser = await launchChromium();
        return await peaksOf(bench, bytes, await parties({ bench, serverUrl: server.url, browser }));
      };
      const [small, large] = [await measure(SMALL_BYTES), await measure(largeBytes)];
      const toPair = (side: 'sender' | 'receiver'): Pair => ({
        ...{ ours: large[side] / 1e6, against: small[side] / 1e6 },
        note: `${(largeBytes / GIB).toFixed(2)} GiB`,
      });
      yield { [rows[0].name]: toPair('sender'), [rows[1].name]: toPair('receiver') };
    },
  };
}

function spoken(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1).replaceAll('-', ' ').replace('tcp', 'over TCP')}`;
}

async function peaksOf(
  bench: Bench,
  bytes: number,
  { sender, receiver }: { sender: Sender; receiver: Receiver },
): Promise<{ sender: number; receiver: number }> {
  const path = await makeHole(join(bench.folder, 'hole.bin'), bytes);
  const watches: ProcessWatch[] = [];
  let seen: number[] = [];
  try {
    await deliverWhole(sender, receiver, {
      ...{ path, bytes, limitSeconds: 120 + bytes / LEAST_BYTES_PER_SECOND },
      onTaking: (roots) => {
        watches.push(new ProcessWatch(roots.sender), new ProcessWatch(roots.receiver));
      },
      onThrough: async () => {
        seen = await Promise.all(watches.map(async (watch) => (await watch.stop()).peakBytes));
      },
    });
  } finally {
    for (const watch of watches) await watch.stop();
    await rm(path);
  }
  return { sender: seen[0] ?? Number.NaN, receiver: seen[1] ?? Number.NaN };
}

/** A file of zeros that takes no space itself. */
async function makeHole(path: string, bytes: number): Promise<string> {
  const file = await open(path, 'w');
  await file.truncate(bytes);
  await file.close();
  return path;
}

async function requireSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const [free, needed] = [bavail * bsize, bytes].map((some) => (some / GIB).toFixed(0));
  if (bavail * bsize < bytes)
    throw new Error(`${folder} has ${free} GiB free and ${needed} are needed: --memory-gib makes it less`);
}

export const MEMORY: readonly Experiment[] = [
  peaks({ sends: 'chromium-sends', receives: 'node-receives' }, async ({ bench, serverUrl, browser }) => ({
    sender: pageSender(await browser.page(), browser.pid, serverUrl),
    receiver: commandReceiver({ serverUrl, env: bench.env }, bench.folder),
  })),
  peaks({ sends: 'node-sends', receives: 'chromium-receives' }, async ({ bench, serverUrl, browser }) => ({
    sender: commandSender({ serverUrl, env: bench.env }),
    receiver: pageReceiver(await browser.page(), browser.pid),
  })),
  peaks(
    { sends: 'node-sends-tcp', receives: 'node-receives-tcp', needsTcp: true },
    async ({ bench, serverUrl }) => {
      const command = { serverUrl, env: bench.env };
      return { sender: commandSender(command), receiver: commandReceiver(command, bench.folder) };
    },
  ),
];
