import { existsSync } from 'node:fs';
import { constants, type FileHandle, open, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HandleCache } from './handle-cache.ts';
import { MAX_OPEN_FOLDERS } from './limits.ts';

/** Linux's flag to open a folder only to stand in it, for which no right to list it is needed; Node does not name it. */
const O_PATH = 0o10000000;

/** Whether an open folder can be stood in: `/proc/self/fd/<n>/<name>` is Linux's `openat(n, name)`. */
const CAN_STAND_IN = process.platform === 'linux' && existsSync('/proc/self/fd');

/** Spells a name in a folder so that calls of `node:fs` reach it; `.` is the folder itself. Valid while its task runs. */
export type At = (name: string) => string;

/**
 * Reaches into folders without ever passing through a symbolic link, also when somebody puts one in a folder's place
 * at that moment. On Linux each folder is opened from its parent's handle, and what is done in it is done through its
 * own: no path is looked up twice. Elsewhere each path is checked to be free of links right before it is used; a
 * swap between the two goes unseen.
 *
 * The way down to a root is the user's own choice and may contain links; it is resolved once.
 */
export class LinklessFolders {
  readonly #roots = new Set<string>();
  readonly #handles: HandleCache<string> | null;

  constructor(canStandIn: boolean = CAN_STAND_IN) {
    this.#handles = canStandIn ? new HandleCache(MAX_OPEN_FOLDERS) : null;
  }

  /** Admits a folder and all below it. Returns its real path. */
  async addRoot(path: string): Promise<string> {
    const root = await realpath(path);
    this.#roots.add(root);
    return root;
  }

  /**
   * Runs `task` in a folder: a root's real path, or names below one.
   * Rejects with the system's error (ENOTDIR, ELOOP) where a link is in the way.
   */
  async within<T>(folder: string, task: (at: At) => Promise<T>): Promise<T> {
    if (this.#handles) {
      return this.#handles.use(
        folder,
        () => this.#open(folder),
        ({ fd }) => task((name) => `/proc/self/fd/${fd}/${name}`),
      );
    }
    if ((await realpath(folder)) !== folder) throw new Error(`ELOOP: a link is in the way to ${folder}`);
    return task((name) => join(folder, name));
  }

  async close(): Promise<void> {
    await this.#handles?.close();
  }

  async #open(folder: string): Promise<FileHandle> {
    const flags = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
    if (this.#roots.has(folder)) return open(folder, flags);
    const parent = dirname(folder);
    if (parent === folder) throw new Error('a folder below no root');
    return this.within(parent, (at) => open(at(basename(folder)), flags));
  }
}
