import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A disk of its own for what somebody receives: one with little room, or one that can be made to stall. */
export type Disk = 'small' | 'stalling';

/** Room for the file of a cell and 14 MiB more. */
const SMALL = 'size=64m';
const IMAGE_BYTES = 192 * 1024 * 1024;

/** Why there can be no such disks here. */
export function refusalOfDisks(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'Only root may mount a disk to try it on.';
}

/** Mounts an empty disk on a folder. To be called before a lab is opened, which sees what is mounted then. */
export async function mountDisk(disk: Disk, folder: string): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true });
  const image = `${folder}.img`;
  if (disk === 'small') await run('mount', ['-t', 'tmpfs', '-o', SMALL, 'tmpfs', folder]);
  else {
    await run('truncate', ['--size', `${IMAGE_BYTES}`, image]);
    await run('mkfs.ext4', ['-q', image]);
    await run('mount', ['-o', 'loop', image, folder]);
  }
  return {
    [Symbol.asyncDispose]: async () => {
      // A program that was killed while it wrote is let go of first.
      if (disk === 'stalling') await setStalled(folder, false).catch(() => {});
      await run('umount', ['--lazy', folder]);
      await rm(image, { force: true });
    },
  };
}

/** Lets every write wait, or go on. */
export async function setStalled(folder: string, isStalled: boolean): Promise<void> {
  await run('fsfreeze', [isStalled ? '--freeze' : '--unfreeze', folder]);
}
