/** One at a time, across processes: a lock file that names its holders, so that dead ones can be told. */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Complaint, say } from './talk.mjs';

const HEARTBEAT_MS = 2_000;
const POLL_MS = 200;
/** A lock that nobody touched while we watched it for this long belongs to nobody, whatever process has its number. */
const STALE_AFTER_MS = 20_000;
/** An installation over a slow line and a build take less than this. */
const MAX_WAIT_MS = 15 * 60_000;

/**
 * Waits until no other process holds the lock, takes it, works, and gives it back, also when the process is ended.
 * @template T
 * @param {string} path
 * @param {(alsoHeldBy: (pid: number) => void) => Promise<T>} work is handed a function that names a child whose
 *   life keeps the lock as well: should we be killed, the next one waits until that child is gone too
 * @returns {Promise<T>}
 */
export async function withLock(path, work) {
  const pids = [process.pid];
  const text = () => JSON.stringify({ host: hostname(), pids });
  mkdirSync(dirname(path), { recursive: true });
  await take(path, text());
  const release = () => {
    if (look(path)?.text === text()) rmSync(path, { force: true });
  };
  process.once('exit', release);
  const heartbeat = setInterval(() => touch(path), HEARTBEAT_MS).unref();
  try {
    return await work((pid) => {
      pids.push(pid);
      writeFileSync(path, text());
    });
  } finally {
    clearInterval(heartbeat);
    process.off('exit', release);
    release();
  }
}

async function take(path, text) {
  const startedMs = performance.now();
  let seen;
  let seenSinceMs = startedMs;
  for (;;) {
    try {
      writeFileSync(path, text, { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const nowMs = performance.now();
    const state = look(path);
    if (state === undefined) continue;
    if (state.identity !== seen) {
      if (seen === undefined && !isAbandoned(state.text)) {
        say(`Waiting for another run to finish installing or building (${path}).`);
      }
      seen = state.identity;
      seenSinceMs = nowMs;
    }
    if (isAbandoned(state.text) || nowMs - seenSinceMs > STALE_AFTER_MS) {
      breakLock(path, state.identity);
      continue;
    }
    if (nowMs - startedMs > MAX_WAIT_MS) {
      throw new Complaint(
        `Another run has held ${path} for too long: end it, remove that file and try again.`,
      );
    }
    await pause(POLL_MS + Math.random() * POLL_MS);
  }
}

/** The lock file as it is now; its identity changes with every heartbeat and every holder. */
function look(path) {
  try {
    const { ino, mtimeMs } = statSync(path);
    return { identity: `${ino} ${mtimeMs}`, text: readFileSync(path, 'utf8') };
  } catch {
    return undefined;
  }
}

function isAbandoned(text) {
  try {
    const { host, pids } = JSON.parse(text);
    return host === hostname() && !pids.some((pid) => pid !== process.pid && isAlive(pid));
  } catch {
    return false; // Empty or half written: its holder may be about to write it.
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Moves the dead lock aside: of several that want to, one succeeds. */
function breakLock(path, identity) {
  if (look(path)?.identity !== identity) return;
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  rmSync(aside, { force: true });
}

function touch(path) {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // Someone removed it by hand: the work goes on.
  }
}
