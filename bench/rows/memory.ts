import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, type Experiment, GIB, MIB } from '../bench.ts';
import type { Pair, Row } from '../figures.ts';
import { type DeliveryOptions, deliverWhole } from '../peers/delivery.ts';
import { type Kind, openOnLoopback } from '../peers/on-loopback.ts';
import { deliverOverTcp } from '../peers/over-tcp.ts';
import { ProcessWatch } from '../processes.ts';
import { openTwoHosts } from '../two-hosts.ts';

/** Whether memory follows the file: peaks of each kind of peer for a large one and for a small one. One round of each. */

const SMALL_BYTES = 64 * MIB;
/** Slower than any figure that counts. */
const LEAST_BYTES_PER_SECOND = 4e6;
/** What a large file takes at most: in the page's private file system, and once more in the downloads. */
const COPIES = 2;

/** Two of whom one sends and one receives, and how a file goes from one to the other. */
interface Opened extends AsyncDisposable {
  deliver(options: DeliveryOptions): Promise<unknown>;
}

function peaks(sends: string, receives: string, open: (bench: Bench) => Promise<Opened>): Experiment {
  const row = (name: string): Row => ({
    ...{ name: `memory-${name}`, figure: `peak RSS, ${spoken(name)}, a file of 10 GiB (or --memory-gib)` },
    ...{ against: '64 MiB', unit: 'MB', compare: 'difference', better: 'less', floor: 150, aim: 50 },
  });
  const rows = [row(sends), row(receives)] as const;
  return {
    rows,
    async *measure(bench) {
      const largeBytes = bench.isShort ? 4 * SMALL_BYTES : bench.memoryGib * GIB;
      await requireSpace(bench.folder, COPIES * largeBytes);
      const measure = async (bytes: number) => {
        await using opened = await open(bench);
        return await peaksOf(bench, bytes, opened);
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
  opened: Opened,
): Promise<{ sender: number; receiver: number }> {
  const path = await makeHole(join(bench.folder, 'hole.bin'), bytes);
  const watches: ProcessWatch[] = [];
  let seen: number[] = [];
  try {
    await opened.deliver({
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

async function onLoopback(bench: Bench, from: Kind, to: Kind): Promise<Opened> {
  const opened = await openOnLoopback(bench, from, to);
  return { ...opened, deliver: (options) => deliverWhole(opened.parties, options) };
}

/** On one machine they would make no TCP lane. */
async function overTcp(bench: Bench): Promise<Opened> {
  const hosts = await openTwoHosts(bench);
  return { ...hosts, deliver: (options) => deliverOverTcp(hosts, bench, options) };
}

export const MEMORY: readonly Experiment[] = [
  peaks('chromium-sends', 'node-receives', (bench) => onLoopback(bench, 'chromium', 'node')),
  peaks('node-sends', 'chromium-receives', (bench) => onLoopback(bench, 'node', 'chromium')),
  peaks('node-sends-tcp', 'node-receives-tcp', overTcp),
];
