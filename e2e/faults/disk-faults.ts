import { readFile, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_CREDIT_BYTES } from '#protocol/limits.ts';
import { makeFile } from '../harness/files.ts';
import { CliReceiver } from './cli-person.ts';
import { refusalOfDisks, setStalled } from './disks.ts';
import type { Fault, Pairing } from './fault.ts';

/** Longer than a silent peer is waited for, which one with a slow disk is not. */
const STALL_MS = 12_000;
/** What a receiver may grow by while its disk stalls: its credit, once as it came and once as blocks, and some room. */
const MAX_GROWTH_BYTES = 3 * DEFAULT_CREDIT_BYTES;

const cannotBe =
  (inBrowser: string) =>
  ({ receiver }: Pairing): string | undefined =>
    receiver === 'browser' ? inBrowser : refusalOfDisks();

export const DISK_FAULTS: readonly Fault[] = [
  {
    name: 'disk-full',
    sentence:
      "The receiver's disk is filled by something else; room is made, and the commands are run again.",
    disk: 'small',
    isImpossible: cannotBe(
      'A page takes all the room it needs before the first byte, and says then if it cannot.',
    ),
    strike: async ({ receiver, sender, receiverFolder, pairing }) => {
      const filler = join(receiverFolder, 'filler');
      const { bavail, bsize } = await statfs(receiverFolder);
      await makeFile(filler, bavail * bsize).catch(() => {});
      await receiver.seesEnd();
      const isTold = pairing.sender === 'cli' && (await sender.seesEnd());
      await rm(filler);
      if (isTold) await sender.comeBack();
      await receiver.comeBack();
    },
  },
  {
    name: 'disk-stalls',
    sentence:
      "The receiver's disk takes nothing for 12 seconds. The sender slows down, and memory does not grow.",
    disk: 'stalling',
    isImpossible: cannotBe("A browser's own files would stall with it."),
    strike: async ({ receiver, receiverFolder }) => {
      if (!(receiver instanceof CliReceiver)) return;
      const before = {
        wireBytes: (await receiver.figures()).wireBytes,
        rss: await residentBytes(receiver.pid),
      };
      await setStalled(receiverFolder, true);
      await sleep(STALL_MS);
      const came = (await receiver.figures()).wireBytes - before.wireBytes;
      const grown = (await residentBytes(receiver.pid)) - before.rss;
      await setStalled(receiverFolder, false);
      if (came > 2 * DEFAULT_CREDIT_BYTES) throw new Error(`${came} bytes came to a disk that took none.`);
      if (grown > MAX_GROWTH_BYTES) throw new Error(`It grew by ${grown} bytes while its disk stalled.`);
    },
  },
];

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
