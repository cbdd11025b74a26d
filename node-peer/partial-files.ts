import type { Stats } from 'node:fs';
import { constants, type FileHandle, lstat, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { claimFolder } from './claimed-folder.ts';
import { EarlySync } from './early-sync.ts';
import { type FolderLock, LOCK_NAME } from './folder-lock.ts';
import { isThere, moveToFreeName, underFreeName } from './free-name.ts';
import { HandleCache } from './handle-cache.ts';
import { inParallel } from './in-parallel.ts';
import { DISK_CALLS_AT_ONCE, MAX_OPEN_FILES } from './limits.ts';
import type { LinklessFolders } from './linkless-folders.ts';
import type { QuickCalls } from './quick-calls.ts';
import { writeSmallFile } from './small-file.ts';
import { writeAll } from './write-all.ts';

const FLAGS = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0);

/**
 * Files that are being received. They lie in one folder inside the target, named by their numbers in the journal, which
 * lies beside them: on the target's own disk, so that they can be moved in one step, and under no name that the share
 * chose. The folder is found again by the share's id; each of several runs at once has one of its own.
 */
export class PartialFiles {
  readonly folder: string;
  readonly #folders: LinklessFolders;
  readonly #lock: FolderLock;
  /** Those that are there. */
  readonly #begun = new Set<number>();
  /** Those written to in this run and not moved away. */
  readonly #written = new Set<number>();
  readonly #early = new Map<number, EarlySync>();
  /** Those of them that are whole and have their time. */
  readonly #whole = new Set<number>();
  readonly #calls: QuickCalls;
  readonly #handles = new HandleCache<number>(MAX_OPEN_FILES);

  private constructor(folders: LinklessFolders, folder: string, lock: FolderLock, calls: QuickCalls) {
    this.folder = folder;
    this.#folders = folders;
    this.#lock = lock;
    this.#calls = calls;
  }

  /** The share's folder in `parent` that no living run has, made if need be. @see claimFolder */
  static async claim(
    folders: LinklessFolders,
    parent: string,
    shareId: string,
    calls: QuickCalls,
  ): Promise<PartialFiles> {
    const { folder, lock } = await claimFolder(folders, parent, folderName(shareId));
    return new PartialFiles(folders, folder, lock, calls);
  }

  /** As `claim`, but null where no run of the share has left anything, or is at it. */
  static async claimLeft(
    folders: LinklessFolders,
    parent: string,
    shareId: string,
    calls: QuickCalls,
  ): Promise<PartialFiles | null> {
    const first = folderName(shareId);
    const isLeft = (await readdir(parent)).some((name) => name === first || name.startsWith(`${first}-`));
    return isLeft ? PartialFiles.claim(folders, parent, shareId, calls) : null;
  }

  /** Runs `task` with the file of this number, made at first use. @param mode of a file made now, less the umask */
  use<T>(number: number, mode: number, task: (handle: FileHandle) => Promise<T>): Promise<T> {
    return this.#handles.use(number, () => this.#open(number, mode), task);
  }

  /** Writes `bytes` at `offset`. @param mode as for `use` */
  async write(number: number, mode: number, bytes: Uint8Array, offset: number): Promise<void> {
    this.#written.add(number);
    await this.use(number, mode, (handle) => writeAll(handle, bytes, offset));
    const early = this.#early.get(number) ?? new EarlySync(() => this.use(number, mode, datasync));
    this.#early.set(number, early);
    early.wrote(bytes.length);
  }

  /** As `use`, when nothing of the file is on its way to the disk. @throws what an early sync of it failed with */
  async conclude(number: number, mode: number, task: (handle: FileHandle) => Promise<void>): Promise<void> {
    await this.#early.get(number)?.settle();
    await this.use(number, mode, task);
  }

  /** Writes all of a small file, and gives it its time. @param mode as for `use` */
  async writeWhole(
    number: number,
    mode: number,
    bytes: Uint8Array,
    modifiedMs: number | undefined,
  ): Promise<void> {
    this.#written.add(number);
    // One that an earlier run left may be longer.
    const flags = this.#begun.has(number) ? FLAGS | constants.O_TRUNC : this.#flags(number);
    await this.#folders.within(this.folder, (at) =>
      writeSmallFile(this.#calls, at(`${number}`), { flags, mode, modifiedMs }, bytes),
    );
    this.#begun.add(number);
    this.#whole.add(number);
  }

  /** Whether the file has been written by `writeWhole`, so that only its name is to come. */
  isWhole(number: number): boolean {
    return this.#whole.has(number);
  }

  /** The file that an earlier run left, or null. */
  async look(number: number): Promise<Stats | null> {
    const stats = await this.#folders.within(this.folder, (at) => lstat(at(`${number}`))).catch(() => null);
    return stats?.isFile() ? stats : null;
  }

  /** Goes on with these files of an earlier run, and removes whatever else it left. */
  async keep(held: ReadonlySet<number>, others: readonly string[]): Promise<void> {
    for (const number of held) this.#begun.add(number);
    const kept = new Set([...[...held].map(String), ...others, LOCK_NAME]);
    await this.#removeAllBut(kept);
  }

  /** Gives the file its final name in `folder`, numbered if need be. @param intend is called ahead of each attempt */
  async moveTo(
    folder: string,
    name: string,
    number: number,
    intend: (name: string) => Promise<void>,
  ): Promise<string> {
    await this.#handles.release(number);
    const moved = await this.#folders.within(this.folder, (from) =>
      this.#folders.within(folder, (to) =>
        underFreeName(name, 'file', async (free) => {
          if (await isThere(this.#calls, to(free))) return false;
          await intend(free);
          return moveToFreeName(this.#calls, from(`${number}`), to(free));
        }),
      ),
    );
    this.#written.delete(number);
    this.#early.delete(number);
    this.#whole.delete(number);
    return moved;
  }

  /** Makes the file of this number, in one step, out of what `task` writes. @param mode as for `use` */
  async make<T>(number: number, mode: number, task: (handle: FileHandle) => Promise<T>): Promise<T> {
    return this.#folders.within(this.folder, async (at) => {
      const unfinished = at(`${number}.new`);
      await rm(unfinished, { force: true });
      const handle = await open(unfinished, FLAGS | constants.O_CREAT | constants.O_EXCL, mode);
      const made = await task(handle).finally(() => handle.close());
      await rename(unfinished, at(`${number}`));
      this.#begun.add(number);
      this.#written.add(number);
      return made;
    });
  }

  async remove(number: number): Promise<void> {
    await this.#handles.release(number);
    this.#written.delete(number);
    this.#early.delete(number);
    this.#whole.delete(number);
    this.#begun.delete(number);
    await this.#folders.within(this.folder, (at) => rm(at(`${number}`), { force: true }));
  }

  /** Files that were written and are still here. */
  get unsynced(): number {
    return this.#written.size;
  }

  /** Makes those durable. */
  async sync(): Promise<void> {
    await inParallel([...this.#written], DISK_CALLS_AT_ONCE, (number) =>
      this.conclude(number, 0, (handle) => handle.sync()),
    );
  }

  /** Leaves the files to a later run. */
  async close(): Promise<void> {
    await this.#handles.close();
    await this.#lock.release();
    await this.#removeEmpty();
  }

  async removeAll(): Promise<void> {
    await this.#handles.close();
    // The lock last: whoever takes the folder over then finds it empty, and keeps it.
    await this.#removeAllBut(new Set([LOCK_NAME])).catch(() => {});
    await this.#lock.release();
    await this.#removeEmpty();
  }

  async #removeEmpty(): Promise<void> {
    const parent = dirname(this.folder);
    await this.#folders.within(parent, (at) => rmdir(at(basename(this.folder)))).catch(() => {});
  }

  async #removeAllBut(kept: ReadonlySet<string>): Promise<void> {
    await this.#folders.within(this.folder, async (at) => {
      const names = (await readdir(at('.'))).filter((name) => !kept.has(name));
      await inParallel(names, DISK_CALLS_AT_ONCE, (name) => rm(at(name), { recursive: true, force: true }));
    });
  }

  async #open(number: number, mode: number): Promise<FileHandle> {
    const handle = await this.#folders.within(this.folder, (at) =>
      open(at(`${number}`), this.#flags(number), mode),
    );
    this.#begun.add(number);
    return handle;
  }

  #flags(number: number): number {
    return this.#begun.has(number) ? FLAGS : FLAGS | constants.O_CREAT | constants.O_EXCL;
  }
}

const datasync = (handle: FileHandle) => handle.datasync();

function folderName(shareId: string): string {
  return `.sallyport-partial-${shareId}`;
}
