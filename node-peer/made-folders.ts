import { constants, mkdir, open, rmdir } from 'node:fs/promises';
import { basename, dirname, join, posix, relative, sep } from 'node:path';
import { systemCode } from './disk-error.ts';
import { isThere, underFreeName, unlessTaken } from './free-name.ts';
import { inParallel } from './in-parallel.ts';
import { DISK_CALLS_AT_ONCE } from './limits.ts';
import type { LinklessFolders } from './linkless-folders.ts';
import type { QuickCalls } from './quick-calls.ts';

/** How a disk says that it syncs no folders, or lets nobody list this one. */
const CANNOT_SYNC = new Set(['EINVAL', 'ENOTSUP', 'EPERM', 'EISDIR', 'EACCES']);

/** Is told of each folder ahead of its making, and after it; places are `/`-separated, in the target. */
export interface FolderNotes {
  making(planned: string, place: string): Promise<void>;
  made(planned: string): void;
}

/**
 * The share's folders in the target: each is made when something first goes into it, under its own name or, where
 * that is taken, a numbered one. So nothing goes into a folder, or through a link, that was there before.
 */
export class MadeFolders {
  readonly #folders: LinklessFolders;
  readonly #target: string;
  readonly #calls: QuickCalls;
  readonly #notes: FolderNotes;
  /** Planned path to real path; parents before what lies in them. */
  readonly #made: Map<string, Promise<string>>;

  /**
   * @param target real path of the folder that the share is saved in
   */
  constructor(folders: LinklessFolders, target: string, calls: QuickCalls, notes: FolderNotes) {
    this.#folders = folders;
    this.#target = target;
    this.#calls = calls;
    this.#notes = notes;
    this.#made = new Map([['.', Promise.resolve(target)]]);
  }

  /** Takes in folders that an earlier run made: planned path to place in the target; parents first. */
  adopt(places: ReadonlyMap<string, string>): void {
    for (const [planned, place] of places)
      this.#made.set(planned, Promise.resolve(join(this.#target, place)));
  }

  /** The real path of the folder planned at this path, made now if need be; `.` is the target. */
  make(planned: string): Promise<string> {
    let made = this.#made.get(planned);
    if (made === undefined) {
      made = this.#make(planned, this.make(posix.dirname(planned)));
      this.#made.set(planned, made);
    }
    return made;
  }

  async #make(planned: string, parentMade: Promise<string>): Promise<string> {
    const parent = await parentMade;
    const name = await this.#folders.within(parent, (at) =>
      underFreeName(posix.basename(planned), 'folder', async (free) => {
        if (await isThere(this.#calls, at(free))) return false;
        await this.#notes.making(planned, placeIn(this.#target, join(parent, free)));
        return unlessTaken(() => mkdir(at(free)));
      }),
    );
    this.#notes.made(planned);
    return join(parent, name);
  }

  /** Makes the names in all of them, and in the target, durable. */
  async sync(): Promise<void> {
    await inParallel(await this.#real(), DISK_CALLS_AT_ONCE, async (folder) => {
      try {
        await this.#folders.within(folder, (at) => syncAt(at('.'), constants.O_RDONLY));
      } catch (error) {
        if (!CANNOT_SYNC.has(systemCode(error) ?? '')) throw error;
      }
    });
  }

  /** Takes back those in which nothing lies. */
  async removeEmpty(): Promise<void> {
    const [, ...made] = await this.#real();
    for (const folder of made.reverse()) {
      await this.#folders.within(dirname(folder), (at) => rmdir(at(basename(folder)))).catch(() => {});
    }
  }

  async #real(): Promise<string[]> {
    const settled = await Promise.allSettled(this.#made.values());
    return settled.flatMap((made) => (made.status === 'fulfilled' ? [made.value] : []));
  }
}

/** A path in the target as a place: relative, `/`-separated. */
export function placeIn(target: string, path: string): string {
  return relative(target, path).split(sep).join('/');
}

/** Makes a file or folder durable. */
export async function syncAt(path: string, flags: number): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
