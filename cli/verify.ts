import { createHash } from 'node:crypto';
import { constants, open, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { blockCount, blockLength } from '#protocol/block.ts';
import { TransferError } from '#protocol/errors.ts';
import { equalBytes, LeafTree } from '#protocol/leaf-tree.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import type { Output } from './events.ts';
import { EXIT, sayFailure } from './failure.ts';
import { type ReceivedFile, receivedFiles } from './received-records.ts';

/** A pipe that took the file's place must not block. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** How a file stands against the root by which it was received. */
export type Verdict = 'whole' | 'changed' | 'missing' | 'unreadable';

/**
 * `sallyport verify`: reads again what was received, and says of each file whether it still is what was sent.
 * @returns the exit status: 0 if all of it is whole, 2 if nothing was recorded for a path
 */
export async function verify(paths: readonly string[], output: Output, signal: AbortSignal): Promise<number> {
  const received = [...(await receivedFiles()).values()];
  const counts = { whole: 0, changed: 0, missing: 0, unreadable: 0 };
  const unknown: string[] = [];
  for (const path of paths.length > 0 ? paths : ['.']) {
    const absolute = await realPath(resolve(path));
    const below = absolute.endsWith(sep) ? absolute : `${absolute}${sep}`;
    const files = received.filter((file) => file.path === absolute || file.path.startsWith(below));
    if (files.length === 0) unknown.push(path);
    for (const file of files.sort((a, b) => (a.path < b.path ? -1 : 1))) {
      const verdict = await check(file, signal);
      counts[verdict] += 1;
      output.say({ event: 'verified', path: file.path, verdict });
    }
  }
  if (counts.whole + counts.changed + counts.missing + counts.unreadable > 0)
    output.say({ event: 'summary', ...counts });
  for (const path of unknown)
    sayFailure(output, new TransferError('usage', `nothing is recorded as received in ${path}`));
  if (counts.changed + counts.missing + counts.unreadable > 0) return EXIT.failed;
  return unknown.length > 0 ? EXIT.usage : EXIT.ok;
}

async function check({ path, sizeBytes, root }: ReceivedFile, signal: AbortSignal): Promise<Verdict> {
  try {
    const handle = await open(path, READ_FLAGS);
    try {
      const stats = await handle.stat();
      if (!stats.isFile() || stats.size !== sizeBytes) return 'changed';
      const tree = new LeafTree(sizeBytes, blockCount(sizeBytes));
      for (let index = 0; index < blockCount(sizeBytes); index += 1) {
        if (signal.aborted) throw new TransferError('cancelled');
        const block = Buffer.allocUnsafe(blockLength(sizeBytes, index));
        const { bytesRead } = await handle.read(block, 0, block.length, index * BLOCK_BYTES);
        if (bytesRead < block.length) return 'changed';
        tree.set(index, createHash('sha256').update(block).digest());
      }
      return equalBytes(tree.root(), root) ? 'whole' : 'changed';
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof TransferError) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : null;
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unreadable';
  }
}

/** The path without links, as far as it exists. */
async function realPath(path: string): Promise<string> {
  return realpath(path).catch(async () => {
    const parent = dirname(path);
    return parent === path ? path : join(await realPath(parent), basename(path));
  });
}
