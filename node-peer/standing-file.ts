import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { blockLength } from '#protocol/block.ts';
import { equalBytes } from '#protocol/leaf-tree.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import type { LinklessFolders } from './linkless-folders.ts';
import { READ_FLAGS } from './read-flags.ts';
import { writeAll } from './write-all.ts';

/**
 * A file that an earlier run gave its final name. It is its owner's from then on, who may do to it what he likes at any
 * time: it is read, and never written, moved or removed.
 */
export class StandingFile {
  /** Real. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Of its blocks, by index, as they were when they were written. */
  readonly leaves: ReadonlyMap<number, Uint8Array>;
  readonly #folders: LinklessFolders;

  constructor(
    folders: LinklessFolders,
    path: string,
    sizeBytes: number,
    leaves: ReadonlyMap<number, Uint8Array>,
  ) {
    this.#folders = folders;
    this.path = path;
    this.sizeBytes = sizeBytes;
    this.leaves = leaves;
  }

  /** Fills `bytes` with what stands at `offset`. @throws where it is no file, or of another length by now */
  async read(bytes: Uint8Array, offset: number): Promise<void> {
    await this.#folders.within(dirname(this.path), async (at) => {
      const handle = await open(at(basename(this.path)), READ_FLAGS);
      try {
        const stats = await handle.stat();
        if (!stats.isFile() || stats.size !== this.sizeBytes) throw new Error('it is not what it was');
        await readAll(handle, bytes, offset);
      } finally {
        await handle.close();
      }
    });
  }

  /** Copies those of its blocks that still are as they were. @returns the indices of the others */
  async copyTo(handle: FileHandle): Promise<Set<number>> {
    const missing = new Set<number>();
    for (const [index, leaf] of this.leaves) {
      const bytes = Buffer.allocUnsafe(blockLength(this.sizeBytes, index));
      const isGood = await this.read(bytes, index * BLOCK_BYTES).then(
        () => equalBytes(createHash('sha256').update(bytes).digest(), leaf),
        () => false,
      );
      if (isGood) await writeAll(handle, bytes, index * BLOCK_BYTES);
      else missing.add(index);
    }
    return missing;
  }
}

/** Fills `bytes` with what stands at `offset`. @throws where that is less */
export async function readAll(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, at, bytes.length - at, offset + at);
    if (bytesRead === 0) throw new Error('the file is too short');
    at += bytesRead;
  }
}
