import { createHash } from 'node:crypto';
import { constants, lstat, open, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { blockCount, blockLength } from '#protocol/block.ts';
import type { FileEntry } from '#protocol/entry.ts';
import { equalBytes } from '#protocol/leaf-tree.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import type { Noted, NotedEntry } from './journal.ts';
import type { LinklessFolders } from './linkless-folders.ts';
import type { PartialFiles } from './partial-files.ts';

const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** What of one noted file is really there: blocks, among the partial files, or all of it where it has its final name. */
export interface Held {
  readonly leaves: ReadonlyMap<number, Uint8Array>;
  /** Its final place, where it has that. */
  readonly place: string | null;
  readonly resized: boolean;
}

/** Looks on the disk for what an earlier run noted. A journal is believed in nothing that can be seen. */
export class HeldFiles {
  readonly #folders: LinklessFolders;
  readonly #root: string;
  readonly #partials: PartialFiles;

  constructor(folders: LinklessFolders, root: string, partials: PartialFiles) {
    this.#folders = folders;
    this.#root = root;
    this.#partials = partials;
  }

  /**
   * A file that has its final name counts, until it has been read again, if it has the size and the time that the sender
   * tells as well. Where it has others, but every byte as it came, it has changed at the sender: it is taken back among the
   * partial ones, to be compared and gone on with. Whatever else lies there is not ours any more, and stays.
   *
   * @param now as the sender tells it
   * @returns null where nothing is there, nor ever was
   */
  async find(file: NotedEntry, now: FileEntry): Promise<Held | null> {
    const { commit, leaves, number } = file;
    const resized = file.sizeBytes !== now.sizeBytes;
    if (commit) {
      const saved = await this.#lookAtSaved(file, commit, now);
      if (saved === 'as-told') return { leaves, place: commit.place, resized };
      if (saved === 'as-it-came') await this.#partials.takeBack(join(this.#root, commit.place), number);
    }
    const lengthBytes = (await this.#partials.lengthOf(number)) ?? 0;
    const there = [...leaves].filter(([index]) => isThere(index, file.sizeBytes, now.sizeBytes, lengthBytes));
    const wasBegun = leaves.size > 0 || commit !== null;
    if (there.length === 0 && !(resized && wasBegun)) return null;
    return { leaves: new Map(there), place: null, resized };
  }

  /** Where those of the share's folders lie that are there. One that was only about to be made counts while it is empty. */
  async foldersOf({ folders }: Noted): Promise<Map<string, string>> {
    const there = new Map<string, string>();
    for (const [planned, { place, made }] of folders) {
      const path = join(this.#root, place);
      const isOwn = await this.#folders
        .within(path, async (at) => made || (await readdir(at('.'))).length === 0)
        .catch(() => false);
      if (isOwn) there.set(planned, place);
    }
    return there;
  }

  async #lookAtSaved(
    file: NotedEntry,
    commit: NonNullable<NotedEntry['commit']>,
    { sizeBytes, modifiedMs }: FileEntry,
  ): Promise<'as-told' | 'as-it-came' | null> {
    const path = join(this.#root, commit.place);
    try {
      return await this.#folders.within(dirname(path), async (at) => {
        const stats = await lstat(at(basename(path)));
        if (!stats.isFile() || stats.size !== file.sizeBytes) return null;
        const isOfTime = modifiedMs === undefined || Math.abs(stats.mtimeMs - modifiedMs) < 1;
        const isAsTold = sizeBytes === file.sizeBytes && isOfTime;
        // Its blocks are all noted where it got its name; else what lies there may be another's.
        if (isAsTold && commit.done && file.leaves.size === blockCount(sizeBytes)) return 'as-told';
        if (!(await matches(at(basename(path)), file))) return null;
        return isAsTold ? 'as-told' : 'as-it-came';
      });
    } catch {
      return null;
    }
  }
}

/** Whether a noted block can be in a file of this length, and be one of the sender's as well. */
function isThere(index: number, notedBytes: number, nowBytes: number, lengthBytes: number): boolean {
  if (index >= blockCount(notedBytes) || index >= blockCount(nowBytes)) return false;
  const blockBytes = blockLength(notedBytes, index);
  return blockBytes === blockLength(nowBytes, index) && index * BLOCK_BYTES + blockBytes <= lengthBytes;
}

/** Whether the file's content has the leaves that were noted, every one of them. */
async function matches(path: string, { sizeBytes, leaves }: NotedEntry): Promise<boolean> {
  const handle = await open(path, READ_FLAGS);
  try {
    for (let index = 0; index < blockCount(sizeBytes); index += 1) {
      const leaf = leaves.get(index);
      const bytes = Buffer.allocUnsafe(blockLength(sizeBytes, index));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, index * BLOCK_BYTES);
      if (!leaf || bytesRead < bytes.length || !equalBytes(createHash('sha256').update(bytes).digest(), leaf))
        return false;
    }
    return true;
  } finally {
    await handle.close();
  }
}
