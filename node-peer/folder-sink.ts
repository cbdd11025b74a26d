import { access, constants, mkdir, readdir, statfs, utimes } from 'node:fs/promises';
import { basename, dirname, join, posix, relative } from 'node:path';
import type { EntryId, FileEntry, FolderEntry } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { LocalPaths, type LocalRules } from '#protocol/local-path.ts';
import { sumSizes } from '#protocol/manifest.ts';
import type { ChosenEntry, HeldFile, SavedEntry, Sink } from '#transport/sink.ts';
import { diskError } from './disk-error.ts';
import { inParallel } from './in-parallel.ts';
import { DISK_CALLS_AT_ONCE } from './limits.ts';
import { LinklessFolders } from './linkless-folders.ts';
import { MadeFolders, syncAt } from './made-folders.ts';
import { PartialFiles } from './partial-files.ts';

const THIS_SYSTEM: LocalRules = {
  windows: process.platform === 'win32',
  caseSensitive: process.platform !== 'win32' && process.platform !== 'darwin',
};

const SYNC_FLAGS = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0);

/** A chosen entry and where it is to be saved: a path in the target, `/`-separated. */
interface Target<E> {
  readonly id: EntryId;
  readonly entry: E;
  readonly place: string;
}

/**
 * Saves a share in a folder. What stands there is left alone: what has the name of something existing gets a numbered
 * one, a folder as a whole, so that a share never mixes with what was there; nothing is written through a link.
 */
export class FolderSink implements Sink {
  readonly #dir: string;
  readonly #root: string;
  readonly #rules: LocalRules;
  readonly #folders: LinklessFolders;
  readonly #made: MadeFolders;
  #partials: PartialFiles | null = null;
  readonly #files = new Map<EntryId, Target<FileEntry>>();
  readonly #folderEntries: Target<FolderEntry>[] = [];
  /** Real paths of what has its final name. */
  readonly #saved = new Map<EntryId, string>();

  private constructor(dir: string, root: string, rules: LocalRules, folders: LinklessFolders) {
    this.#dir = dir;
    this.#root = root;
    this.#rules = rules;
    this.#folders = folders;
    this.#made = new MadeFolders(folders, root);
  }

  /**
   * A sink into `dir`, which is made if it is not there. One that may not be written to is refused here, before anybody
   * has been met.
   * @throws TransferError `sink-failed`, `disk-full`
   */
  static async create(dir: string, rules: LocalRules = THIS_SYSTEM): Promise<FolderSink> {
    try {
      await mkdir(dir, { recursive: true });
      await access(dir, constants.W_OK | constants.X_OK);
      const folders = new LinklessFolders();
      return new FolderSink(dir, await folders.addRoot(dir), rules, folders);
    } catch (error) {
      throw diskError(error, dir, 'sink-failed');
    }
  }

  async open(chosen: readonly ChosenEntry[], _shareId: string): Promise<readonly HeldFile[]> {
    await this.#guard(this.#dir, async () => {
      const neededBytes = sumSizes(chosen.map(({ entry }) => entry));
      const { blocks, bavail, bsize } = await statfs(this.#root);
      // Some network disks know no size of theirs.
      if (blocks > 0 && neededBytes > bavail * bsize) {
        throw new TransferError('disk-full', `${neededBytes} bytes needed, ${bavail * bsize} free`);
      }
      const places = new LocalPaths(this.#rules, await readdir(this.#root));
      for (const { id, entry } of chosen) {
        const place = places.add(entry);
        if (entry.kind === 'file') this.#files.set(id, { id, entry, place });
        else this.#folderEntries.push({ id, entry, place });
      }
      this.#partials = await PartialFiles.create(this.#folders, this.#root);
      return [];
    });
  }

  async write(id: EntryId, offset: number, bytes: Uint8Array<ArrayBuffer>, _leaf: Uint8Array): Promise<void> {
    const { entry } = this.#file(id);
    await this.#guard(entry.path, () =>
      this.#opened.use(id, modeOf(entry), async (handle) => {
        for (let at = 0; at < bytes.length; ) {
          at += (await handle.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
        }
      }),
    );
  }

  async commit(id: EntryId, _root: Uint8Array): Promise<void> {
    const { entry, place } = this.#file(id);
    await this.#guard(entry.path, async () => {
      await this.#opened.use(id, modeOf(entry), async (handle) => {
        const { modifiedMs } = entry;
        // A disk that keeps no such time keeps the file all the same. A Date: Node takes a negative number for now.
        if (modifiedMs !== undefined)
          await handle.utimes(new Date(modifiedMs), new Date(modifiedMs)).catch(() => {});
        if (entry.sizeBytes >= BLOCK_BYTES) await handle.sync();
      });
      const folder = await this.#made.make(posix.dirname(place));
      this.#saved.set(id, join(folder, await this.#opened.moveTo(folder, posix.basename(place), id)));
    });
  }

  async discard(id: EntryId): Promise<void> {
    const { entry } = this.#file(id);
    await this.#guard(entry.path, () => this.#opened.remove(id));
  }

  async finish(): Promise<readonly SavedEntry[]> {
    return this.#guard(this.#dir, async () => {
      await this.#opened.removeAll();
      await inParallel(this.#folderEntries, DISK_CALLS_AT_ONCE, async ({ id, place }) => {
        this.#saved.set(id, await this.#made.make(place));
      });
      await inParallel([...this.#files.values()], DISK_CALLS_AT_ONCE, (file) => this.#syncSmall(file));
      // After all names are in their places, since each changes its folder's time.
      await inParallel(this.#folderEntries, DISK_CALLS_AT_ONCE, (folder) => this.#setTime(folder));
      await this.#made.sync();
      await this.#folders.close();
      return [...this.#saved]
        .sort(([a], [b]) => a - b)
        .map(([id, path]) => ({ id, savedAs: join(this.#dir, relative(this.#root, path)) }));
    });
  }

  async read(): Promise<Uint8Array<ArrayBuffer>> {
    throw new TransferError('sink-failed', 'nothing is kept from earlier runs');
  }

  suspend(): Promise<void> {
    return this.abort();
  }

  async abort(): Promise<void> {
    await this.#guard(this.#dir, async () => {
      await this.#partials?.removeAll();
      await this.#made.removeEmpty();
      await this.#folders.close();
    });
  }

  /** A file below a block has its final name already; it is made durable here, together with the others. */
  async #syncSmall({ id, entry }: Target<FileEntry>): Promise<void> {
    const path = this.#saved.get(id);
    if (path === undefined || entry.sizeBytes >= BLOCK_BYTES) return;
    await this.#folders.within(dirname(path), (at) => syncAt(at(basename(path)), SYNC_FLAGS));
  }

  async #setTime({ id, entry: { modifiedMs } }: Target<FolderEntry>): Promise<void> {
    const path = this.#saved.get(id);
    if (path === undefined || modifiedMs === undefined) return;
    await this.#folders
      .within(path, (at) => utimes(at('.'), new Date(modifiedMs), new Date(modifiedMs)))
      .catch(() => {});
  }

  get #opened(): PartialFiles {
    if (this.#partials === null) throw new Error('the sink was not opened');
    return this.#partials;
  }

  #file(id: EntryId): Target<FileEntry> {
    const file = this.#files.get(id);
    if (file === undefined) throw new RangeError(`entry ${id} is not a chosen file`);
    return file;
  }

  async #guard<T>(path: string, task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      throw diskError(error, path, 'sink-failed');
    }
  }
}

/** Less the umask, as for any file that a program makes. */
function modeOf({ executable }: FileEntry): number {
  return executable ? 0o777 : 0o666;
}
