import { lstatSync, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import type { Entry, EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { SpareBuffers } from '#protocol/spare-buffers.ts';
import type { FileSource } from '#transport/file-source.ts';
import { diskError } from './disk-error.ts';
import { FolderWalk, type OfferedFile, type Skipped } from './folder-walk.ts';
import { HandleCache } from './handle-cache.ts';
import { MAX_OPEN_FILES, SMALL_FILE_BYTES, SPARE_BLOCKS } from './limits.ts';
import { LinklessFolders } from './linkless-folders.ts';
import { QuickCalls } from './quick-calls.ts';
import { READ_FLAGS } from './read-flags.ts';
import { readSmallFile } from './small-file.ts';

/**
 * Files and folders on a disk, as they were when they were named. No symbolic link leads out of a sent folder,
 * neither when it is looked through nor when its files are read (`linkless-folders.ts`).
 */
export class FolderSource implements FileSource {
  readonly entries: readonly Entry[];
  /** What lies in the named folders and is not offered. */
  readonly skipped: readonly Skipped[];
  readonly #files: readonly (OfferedFile | undefined)[];
  readonly #folders: LinklessFolders;
  readonly #calls = new QuickCalls();
  readonly #handles = new HandleCache<EntryId>(MAX_OPEN_FILES);
  readonly #buffers = new SpareBuffers(BLOCK_BYTES, SPARE_BLOCKS);

  private constructor(walk: FolderWalk, folders: LinklessFolders) {
    this.entries = walk.entries;
    this.skipped = walk.skipped;
    this.#files = walk.files;
    this.#folders = folders;
  }

  /**
   * Looks through files and folders and offers each under its own name, numbered where two have the same.
   * A named path that is a link is followed; in a folder only links to files of that folder are.
   * @param options.mayLackSome whether named paths that cannot be read are skipped, as long as one can
   * @throws TransferError `nothing-to-send`, `source-unreadable` (a named path that is not there, refuses, or is
   *   neither file nor folder), `unsafe-path`, `manifest-too-large`
   */
  static async open(
    paths: readonly string[],
    { mayLackSome = false }: { readonly mayLackSome?: boolean | undefined } = {},
  ): Promise<FolderSource> {
    const folders = new LinklessFolders();
    const walk = new FolderWalk(folders);
    try {
      for (const path of paths) await (mayLackSome ? walk.addIfReadable(path) : walk.add(path));
      if (walk.entries.length === 0)
        throw new TransferError(mayLackSome ? 'source-unreadable' : 'nothing-to-send');
      return new FolderSource(walk, folders);
    } catch (error) {
      await folders.close();
      throw error;
    }
  }

  async read(entry: EntryId, offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.#buffers.take(lengthBytes);
    if (offset === 0 && lengthBytes === this.#file(entry).sizeBytes && lengthBytes <= SMALL_FILE_BYTES) {
      await this.#readSmall(entry, bytes);
      return bytes;
    }
    await this.#use(entry, async (handle) => {
      for (let at = 0; at < lengthBytes; ) {
        const { bytesRead } = await handle.read(bytes, at, lengthBytes - at, offset + at);
        if (bytesRead === 0) throw changed(this.#path(entry));
        at += bytesRead;
      }
    });
    return bytes;
  }

  recycle(bytes: Uint8Array<ArrayBuffer>): void {
    this.#buffers.giveBack(bytes);
  }

  /** A program may set the time back that its writing changed; the system's own, which gives the doubt, it cannot. */
  async confirmUnchanged(entry: EntryId, doubt?: number): Promise<number | null> {
    const { folder, name, sizeBytes, ctimeMs } = this.#file(entry);
    const look = () =>
      this.#folders.within(folder, async (at) => {
        const path = at(name);
        return this.#calls.call(
          () => lstatSync(path),
          () => lstat(path),
        );
      });
    const stats = await (sizeBytes > SMALL_FILE_BYTES
      ? this.#use(entry, (handle) => handle.stat())
      : this.#guard(entry, look));
    this.#confirm(entry, stats);
    return stats.ctimeMs === (doubt ?? ctimeMs) ? null : stats.ctimeMs;
  }

  async close(): Promise<void> {
    await this.#handles.close();
    await this.#folders.close();
  }

  /** Whole and in one go: it is not kept open, as there are many of it. */
  async #readSmall(entry: EntryId, into: Uint8Array): Promise<void> {
    const { folder, name } = this.#file(entry);
    await this.#guard(entry, async () => {
      const isWhole = await this.#folders.within(folder, (at) =>
        readSmallFile(this.#calls, at(name), READ_FLAGS, into, (stats) => this.#confirm(entry, stats)),
      );
      if (!isWhole) throw changed(this.#path(entry));
    });
  }

  async #use<T>(entry: EntryId, task: (handle: FileHandle) => Promise<T>): Promise<T> {
    return this.#guard(entry, () => this.#handles.use(entry, () => this.#open(entry), task));
  }

  async #guard<T>(entry: EntryId, task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      throw diskError(error, this.#path(entry), 'source-unreadable');
    }
  }

  async #open(entry: EntryId): Promise<FileHandle> {
    const { folder, name } = this.#file(entry);
    const handle = await this.#folders.within(folder, (at) => open(at(name), READ_FLAGS));
    try {
      this.#confirm(entry, await handle.stat());
      return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  #confirm(entry: EntryId, stats: Stats): void {
    const { sizeBytes, mtimeMs } = this.#file(entry);
    if (!stats.isFile() || stats.size !== sizeBytes || stats.mtimeMs !== mtimeMs)
      throw changed(this.#path(entry));
  }

  #file(entry: EntryId): OfferedFile {
    const file = this.#files[entry];
    if (file === undefined) throw new RangeError(`entry ${entry} is not a file`);
    return file;
  }

  #path(entry: EntryId): string {
    return this.entries[entry]?.path ?? '';
  }
}

function changed(path: string): TransferError {
  return new TransferError('source-changed', `${path}: changed since it was offered`);
}
