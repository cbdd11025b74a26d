import { chmod, lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FolderLock } from './folder-lock.ts';
import { unlessTaken } from './free-name.ts';
import { MAX_CLAIMED_FOLDERS } from './limits.ts';
import type { LinklessFolders } from './linkless-folders.ts';

/** A folder that this process alone uses until its lock is released. */
export interface ClaimedFolder {
  readonly folder: string;
  readonly lock: FolderLock;
}

/**
 * A folder of this name in `parent`, into which only this user may look: one that an earlier process has left, or a new
 * one. Where a living process has it, the next of the series `name-2`, `name-3` …
 */
export async function claimFolder(
  folders: LinklessFolders,
  parent: string,
  first: string,
): Promise<ClaimedFolder> {
  const series = Array.from({ length: MAX_CLAIMED_FOLDERS }, (_, i) =>
    i === 0 ? first : `${first}-${i + 1}`,
  );
  const there = new Set(await readdir(parent));
  const isThere = (name: string) => there.has(name);
  for (const name of [...series.filter(isThere), ...series.filter((one) => !isThere(one))]) {
    const folder = join(parent, name);
    const made = await folders.within(parent, (at) => unlessTaken(() => mkdir(at(name), { mode: 0o700 })));
    if (!made && !(await isOwn(folders, folder))) continue;
    const lock = await FolderLock.take(folders, folder).catch((error: unknown) => {
      // Whoever had it has finished, and it is gone.
      if (made) throw error;
      return null;
    });
    if (lock) return { folder, lock };
  }
  throw new Error(`${first} is in use too many times`);
}

/** Whether a folder that was there is a folder of this user's, which is closed to others then. */
async function isOwn(folders: LinklessFolders, folder: string): Promise<boolean> {
  try {
    return await folders.within(folder, async (at) => {
      const { uid, mode } = await lstat(at('.'));
      if (process.getuid && uid !== process.getuid()) return false;
      if (process.platform !== 'win32' && (mode & 0o077) !== 0) await chmod(at('.'), 0o700);
      return true;
    });
  } catch {
    return false;
  }
}
