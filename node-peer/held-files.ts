import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { blockCount, blockLength } from '#protocol/block.ts';
import type { FileEntry } from '#protocol/entry.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import type { Noted, NotedEntry } from './journal.ts';
import type { LinklessFolders } from './linkless-folders.ts';
import type { PartialFiles } from './partial-files.ts';
import { StandingFile } from './standing-file.ts';

/** What of one noted file is really there. */
export interface Held {
  /** Blocks that may be used, by index: of the partial file, or of the one that stands under its final name. */
  readonly leaves: ReadonlyMap<number, Uint8Array>;
  readonly standing: StandingFile | null;
  /** It stands there with the size and time that the sender tells: it counts, unless it turns out not to be as it was. */
  readonly committed: boolean;
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
   * @param now as the sender tells it
   * @returns null where nothing is there, nor ever was
   */
  async find(file: NotedEntry, now: FileEntry): Promise<Held | null> {
    const { commit, number, sizeBytes } = file;
    const resized = sizeBytes !== now.sizeBytes;
    const saved = commit && (await this.#look(join(this.#root, commit.place)));
    const partial = await this.#partials.look(number);
    // A run that died between the two names of one file leaves it both: it has its final one.
    const isOne =
      saved !== null && saved.nlink > 1 && partial?.ino === saved.ino && partial.dev === saved.dev;
    if (isOne) await this.#partials.remove(number);
    const usable = (lengthBytes: number) =>
      new Map([...file.leaves].filter(([index]) => isUsable(index, sizeBytes, now.sizeBytes, lengthBytes)));
    if (partial && !isOne) {
      const leaves = usable(partial.size);
      if (leaves.size > 0) return { leaves, standing: null, committed: false, resized };
    }
    if (commit && saved?.size === sizeBytes) {
      const leaves = usable(sizeBytes);
      const standing = new StandingFile(this.#folders, join(this.#root, commit.place), sizeBytes, leaves);
      const isOfTime = now.modifiedMs === undefined || Math.abs(saved.mtimeMs - now.modifiedMs) < 1;
      const isNoted = commit.done && leaves.size === blockCount(sizeBytes);
      return { leaves, standing, committed: isNoted && isOfTime && !resized, resized };
    }
    const wasBegun = commit !== null || file.leaves.size > 0;
    return resized && wasBegun ? { leaves: new Map(), standing: null, committed: false, resized } : null;
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

  async #look(path: string): Promise<Stats | null> {
    const stats = await this.#folders
      .within(dirname(path), (at) => lstat(at(basename(path))))
      .catch(() => null);
    return stats?.isFile() ? stats : null;
  }
}

/** Whether a noted block can be in a file of this length, and be one of the sender's as well. */
function isUsable(index: number, notedBytes: number, nowBytes: number, lengthBytes: number): boolean {
  if (index >= blockCount(notedBytes) || index >= blockCount(nowBytes)) return false;
  const blockBytes = blockLength(notedBytes, index);
  return blockBytes === blockLength(nowBytes, index) && index * BLOCK_BYTES + blockBytes <= lengthBytes;
}
