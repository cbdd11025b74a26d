import { constants, type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { EntryId } from '#protocol/entry.ts';
import { moveToFreeName, underFreeName } from './free-name.ts';
import { HandleCache } from './handle-cache.ts';
import { MAX_OPEN_FILES } from './limits.ts';
import type { LinklessFolders } from './linkless-folders.ts';

const WRITE_FLAGS = constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0);

/**
 * Files that are being received. They lie in one folder inside the target, named by their entries' ids: on the
 * target's own disk, so that they can be moved in one step, and under no name that the share chose.
 */
export class PartialFiles {
  readonly #folders: LinklessFolders;
  readonly #parent: string;
  readonly #folder: string;
  readonly #begun = new Set<EntryId>();
  readonly #handles = new HandleCache<EntryId>(MAX_OPEN_FILES);

  private constructor(folders: LinklessFolders, parent: string, folder: string) {
    this.#folders = folders;
    this.#parent = parent;
    this.#folder = folder;
  }

  /** Makes the folder for them in `parent`, which only this user may look into. */
  static async create(folders: LinklessFolders, parent: string): Promise<PartialFiles> {
    const made = await folders.within(parent, (at) => mkdtemp(at('.sallyport-partial-')));
    return new PartialFiles(folders, parent, join(parent, basename(made)));
  }

  /** Runs `task` with the entry's file, made at first use. @param mode of a file made now, less the umask */
  use<T>(entry: EntryId, mode: number, task: (handle: FileHandle) => Promise<T>): Promise<T> {
    return this.#handles.use(entry, () => this.#open(entry, mode), task);
  }

  /** Gives the entry's file its final name in `folder`, numbered if need be. Returns that name. */
  async moveTo(folder: string, name: string, entry: EntryId): Promise<string> {
    await this.#handles.release(entry);
    return this.#folders.within(this.#folder, (from) =>
      this.#folders.within(folder, (to) =>
        underFreeName(name, 'file', (free) => moveToFreeName(from(`${entry}`), to(free))),
      ),
    );
  }

  async remove(entry: EntryId): Promise<void> {
    await this.#handles.release(entry);
    await this.#folders.within(this.#folder, (at) => rm(at(`${entry}`), { force: true }));
  }

  async removeAll(): Promise<void> {
    await this.#handles.close();
    await this.#folders.within(this.#parent, (at) =>
      rm(at(basename(this.#folder)), { recursive: true, force: true }),
    );
  }

  async #open(entry: EntryId, mode: number): Promise<FileHandle> {
    const flags = this.#begun.has(entry) ? WRITE_FLAGS : WRITE_FLAGS | constants.O_CREAT | constants.O_EXCL;
    const handle = await this.#folders.within(this.#folder, (at) => open(at(`${entry}`), flags, mode));
    this.#begun.add(entry);
    return handle;
  }
}
