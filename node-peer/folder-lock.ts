import { randomBytes } from 'node:crypto';
import { link, open, readFile, rename, stat, unlink, utimes } from 'node:fs/promises';
import { hostname, uptime } from 'node:os';
import * as v from 'valibot';
import { systemCode } from './disk-error.ts';
import { LOCK_SILENCE_MS, LOCK_TOUCH_MS } from './limits.ts';
import type { At, LinklessFolders } from './linkless-folders.ts';

export const LOCK_NAME = 'lock';

const Holder = v.object({ host: v.string(), pid: v.number(), started: v.string() });
type Holder = v.InferOutput<typeof Holder>;

/**
 * Keeps a folder to one process at a time. A lock outlives a process that is killed, and is taken over from it: the
 * holder is known by its process id and when it was started. On another machine that shares the disk, or in another
 * container, it is alive as long as it touches its lock.
 */
export class FolderLock {
  readonly #folders: LinklessFolders;
  readonly #folder: string;
  readonly #touching: ReturnType<typeof setInterval>;

  private constructor(folders: LinklessFolders, folder: string) {
    this.#folders = folders;
    this.#folder = folder;
    const touch = () =>
      folders.within(folder, (at) => utimes(at(LOCK_NAME), new Date(), new Date())).catch(() => {});
    this.#touching = setInterval(touch, LOCK_TOUCH_MS).unref();
  }

  /** The lock of this folder, or null where somebody alive holds it. */
  static async take(folders: LinklessFolders, folder: string): Promise<FolderLock | null> {
    const taken = await folders.within(folder, async (at) => {
      return (await create(at)) || ((await dropDead(at)) && (await create(at)));
    });
    return taken ? new FolderLock(folders, folder) : null;
  }

  async release(): Promise<void> {
    clearInterval(this.#touching);
    await this.#folders.within(this.#folder, (at) => unlink(at(LOCK_NAME))).catch(() => {});
  }
}

async function create(at: At): Promise<boolean> {
  try {
    const handle = await open(at(LOCK_NAME), 'wx', 0o600);
    try {
      const started = (await startOf(process.pid)) ?? '';
      const holder: Holder = { host: hostname(), pid: process.pid, started };
      await handle.writeFile(JSON.stringify(holder));
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Removes a lock that nobody holds any more. @returns whether the place is free */
async function dropDead(at: At): Promise<boolean> {
  const judged = await readFile(at(LOCK_NAME), 'utf8').catch(() => null);
  if (judged === null) return true;
  if (await isHeld(at, judged)) return false;
  // Two may find the same dead lock: whoever moves it away looks whether it is still the one that was judged.
  const aside = `${LOCK_NAME}-${randomBytes(6).toString('hex')}`;
  try {
    await rename(at(LOCK_NAME), at(aside));
  } catch {
    return true;
  }
  const isJudged = (await readFile(at(aside), 'utf8').catch(() => judged)) === judged;
  if (!isJudged) await link(at(aside), at(LOCK_NAME)).catch(() => {});
  await unlink(at(aside)).catch(() => {});
  return isJudged;
}

async function isHeld(at: At, content: string): Promise<boolean> {
  const holder = parse(content);
  const { mtimeMs } = await stat(at(LOCK_NAME)).catch(() => ({ mtimeMs: 0 }));
  // One that is being written says nothing yet.
  if (holder?.host !== hostname()) return Date.now() - mtimeMs < LOCK_SILENCE_MS;
  if (holder.started !== '') return (await startOf(holder.pid)) === holder.started;
  const bootedMs = Date.now() - uptime() * 1000;
  return mtimeMs > bootedMs && runs(holder.pid);
}

function parse(content: string): Holder | null {
  try {
    const parsed = v.safeParse(Holder, JSON.parse(content));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** When a process that runs was started, in the kernel's ticks; null where there is none, or no such record. */
async function startOf(pid: number): Promise<string | null> {
  const line = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => null);
  // The second field is the program's name in parentheses, and may hold anything; the third is its state.
  const fields = line?.slice(line.lastIndexOf(')') + 2).split(' ') ?? [];
  const isDead = fields[0] === 'Z' || fields[0] === 'X';
  return isDead ? null : (fields[19] ?? null);
}
