import { linkSync, lstatSync, unlinkSync } from 'node:fs';
import { link, lstat, rename, unlink } from 'node:fs/promises';
import type { Entry } from '#protocol/entry.ts';
import { numbered } from '#protocol/local-path.ts';
import { systemCode } from './disk-error.ts';
import { MAX_NAMES_TRIED } from './limits.ts';
import type { QuickCalls } from './quick-calls.ts';

/**
 * Makes something under its name or, where that is taken, under the first numbered one that is free.
 * @param make returns false, and has changed nothing, where the name is taken
 * @returns the name it has now
 */
export async function underFreeName(
  name: string,
  kind: Entry['kind'],
  make: (name: string) => Promise<boolean>,
): Promise<string> {
  if (await make(name)) return name;
  for (let n = 2; n < MAX_NAMES_TRIED; n++) {
    const candidate = numbered(name, n, kind);
    if (await make(candidate)) return candidate;
  }
  throw new Error('every name is taken');
}

/** For `make`: runs what fails with EEXIST where a name is taken. */
export async function unlessTaken(create: () => Promise<unknown>): Promise<boolean> {
  try {
    await create();
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** For `make`: gives a file its final name in one step, which never replaces another. */
export async function moveToFreeName(calls: QuickCalls, from: string, to: string): Promise<boolean> {
  try {
    const create = async () =>
      calls.call(
        () => linkSync(from, to),
        () => link(from, to),
      );
    if (!(await unlessTaken(create))) return false;
  } catch {
    // A disk without hard links (FAT, some network disks): there another program could take the name in between.
    if (await isThere(calls, to)) return false;
    await rename(from, to);
    return true;
  }
  await calls.call(
    () => unlinkSync(from),
    () => unlink(from),
  );
  return true;
}

/** Whether anything has this name, a link to nothing included. */
export async function isThere(calls: QuickCalls, path: string): Promise<boolean> {
  try {
    const stats = await calls.call(
      () => lstatSync(path, { throwIfNoEntry: false }),
      () => lstat(path),
    );
    return stats !== undefined;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}
