import { open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { BrowserReceiver } from './browser-person.ts';
import type { Fault, Scene } from './fault.ts';
import { flipInPrivateFiles } from './private-files.ts';

/** In the first block, which is verified at each of the moments. */
const OFFSET = BLOCK_BYTES / 2;

export const FILE_FAULTS: readonly Fault[] = [
  {
    name: 'byte-flipped',
    sentence: "A byte of what has arrived is flipped on the receiver's disk while their program is away.",
    strike: async ({ receiver, receiverFolder }) => {
      if (receiver instanceof BrowserReceiver) {
        // Its private files can be reached from its pages alone: from one that has nothing to do with the share.
        await receiver.leaveTo('/');
        await receiver.page.evaluate(flipInPrivateFiles, OFFSET);
        await receiver.page.close();
      } else {
        await receiver.crash();
        await flip(await partialOf(receiverFolder), OFFSET);
      }
      await receiver.comeBack();
    },
  },
  {
    name: 'source-changed',
    sentence: 'A block of the file changes at the sender while their program is away.',
    strike: async ({ sender, path }) => {
      await sender.crash();
      await flip(path, OFFSET);
      await sender.comeBack();
    },
    verify: ({ receiver, path }: Scene) => receiver.seesChange(basename(path)),
  },
];

async function flip(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = new Uint8Array(1);
    await file.read(byte, 0, 1, offset);
    await file.write(Uint8Array.of((byte[0] ?? 0) ^ 1), 0, 1, offset);
  } finally {
    await file.close();
  }
}

/** The only file below the receiver's folder that is under way. */
async function partialOf(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const partial = entries.find((entry) => entry.isFile() && /^\d+$/.test(entry.name));
  if (partial === undefined) throw new Error(`Nothing is under way in ${folder}.`);
  return join(partial.parentPath, partial.name);
}
