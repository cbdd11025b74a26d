import fs, { type Stats } from 'node:fs';
import { promisify } from 'node:util';
import type { QuickCalls } from './quick-calls.ts';

const open = promisify(fs.open);
const read = promisify(fs.read);
const write = promisify(fs.write);
const fstat = promisify(fs.fstat);
const futimes = promisify(fs.futimes);
const close = promisify(fs.close);

/**
 * Fills `into` with a file from its beginning.
 * @param check is told what the file is, before it is read
 * @returns false where the file is shorter
 */
export function readSmallFile(
  calls: QuickCalls,
  path: string,
  flags: number,
  into: Uint8Array,
  check: (stats: Stats) => void,
): Promise<boolean> {
  return withFile(calls, path, flags, 0, async (fd) => {
    const stats = calls.call(
      () => fs.fstatSync(fd),
      () => fstat(fd),
    );
    check(await stats);
    for (let at = 0; at < into.length; ) {
      const [start, rest] = [at, into.length - at];
      const bytesRead = await calls.call(
        () => fs.readSync(fd, into, start, rest, start),
        async () => (await read(fd, into, start, rest, start)).bytesRead,
      );
      if (bytesRead === 0) return false;
      at += bytesRead;
    }
    return true;
  });
}

/**
 * Writes all that a file is to hold.
 * @param mode of a file made now, less the umask
 * @param modifiedMs since 1970; undefined where it is not known
 */
export function writeSmallFile(
  calls: QuickCalls,
  path: string,
  { flags, mode, modifiedMs }: { flags: number; mode: number; modifiedMs: number | undefined },
  bytes: Uint8Array,
): Promise<void> {
  return withFile(calls, path, flags, mode, async (fd) => {
    for (let at = 0; at < bytes.length; ) {
      const [start, rest] = [at, bytes.length - at];
      at += await calls.call(
        () => fs.writeSync(fd, bytes, start, rest, start),
        async () => (await write(fd, bytes, start, rest, start)).bytesWritten,
      );
    }
    if (modifiedMs === undefined) return;
    const time = new Date(modifiedMs);
    try {
      await calls.call(
        () => fs.futimesSync(fd, time, time),
        () => futimes(fd, time, time),
      );
    } catch {
      // A disk that keeps no such time keeps the file all the same.
    }
  });
}

async function withFile<T>(
  calls: QuickCalls,
  path: string,
  flags: number,
  mode: number,
  task: (fd: number) => Promise<T>,
): Promise<T> {
  const fd = await calls.call(
    () => fs.openSync(path, flags, mode),
    () => open(path, flags, mode),
  );
  try {
    return await task(fd);
  } finally {
    // On some disks it is the last word on a write.
    await calls.call(
      () => fs.closeSync(fd),
      () => close(fd),
    );
  }
}
