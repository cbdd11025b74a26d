import { createHash } from 'node:crypto';
import { constants, lstat, open, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { blockCount, blockLength } from '#protocol/block.ts';
import { equalBytes } from '#protocol/leaf-tree.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import type { Noted, NotedEntry } from './journal.ts';
import type { LinklessFolders } from './linkless-folders.ts';
import type { PartialFiles } from './partial-files.ts';

const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** What of one noted file is really there. */
export type Held =
  | { readonly committed: true; readonly place: string }
  | { readonly committed: false; readonly leaves: ReadonlyMap<number, Uint8Array> };

/** Looks on the disk for what an earlier run noted. A journal is believed in nothing that can be seen. */
export class HeldFiles {
  readonly #folders: LinklessFolders;
  readonly #root: string;
  readonly #partials: PartialFiles;
  /** A machine that was not started anew has lost nothing that was written, synced or not. */
  readonly #isSameBoot: boolean;

  constructor(folders: LinklessFolders, root: string, partials: PartialFiles, noted: Noted, boot: string) {
    this.#folders = folders;
    this.#root = root;
    this.#partials = partials;
    this.#isSameBoot = boot !== '' && noted.boot === boot;
  }

  /**
   * A file that has its final name counts if it has the time that the sender tells as well. Where it has another, but every
   * byte as it came, it may have changed at the sender: it is taken back among the partial ones, to be compared and gone on
   * with. Whatever else lies there is not ours any more, and stays.
   * @param modifiedMs as the sender tells it now
   */
  async find(file: NotedEntry, modifiedMs: number | undefined): Promise<Held | null> {
    const { commit, sizeBytes, leaves } = file;
    if (commit) {
      const saved = await this.#lookAtSaved(file, commit, modifiedMs);
      if (saved === 'whole') return { committed: true, place: commit.place };
      if (saved === 'of-another-time')
        await this.#partials.takeBack(join(this.#root, commit.place), file.number);
    }
    const lengthBytes = await this.#partials.lengthOf(file.number);
    if (lengthBytes === null) return null;
    const blocks = blockCount(sizeBytes);
    const there = [...leaves].filter(
      ([index]) => index < blocks && index * BLOCK_BYTES + blockLength(sizeBytes, index) <= lengthBytes,
    );
    return there.length === 0 ? null : { committed: false, leaves: new Map(there) };
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
    modifiedMs: number | undefined,
  ): Promise<'whole' | 'of-another-time' | null> {
    const path = join(this.#root, commit.place);
    try {
      return await this.#folders.within(dirname(path), async (at) => {
        const stats = await lstat(at(basename(path)));
        if (!stats.isFile() || stats.size !== file.sizeBytes) return null;
        // A large file was synced ahead of its name.
        const isSure = commit.done && (file.sizeBytes >= BLOCK_BYTES || commit.durable || this.#isSameBoot);
        const isOfTime = modifiedMs === undefined || Math.abs(stats.mtimeMs - modifiedMs) < 1;
        if (isSure && isOfTime) return 'whole';
        if (!(await matches(at(basename(path)), file))) return null;
        return isOfTime ? 'whole' : 'of-another-time';
      });
    } catch {
      return null;
    }
  }
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
