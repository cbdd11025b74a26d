import { spawn } from 'node:child_process';
import { statfs } from 'node:fs/promises';

/**
 * Linux's names (`f_type`, statfs(2)) of file systems on a disk of this machine, on which syncfs(2) does all that fsync(2)
 * of each file would: ext2 to ext4, XFS, Btrfs, F2FS, bcachefs, ZFS, exFAT, FAT, NTFS, tmpfs. Of those behind a network or
 * another program it only hands over what was written.
 */
const DISKS_OF_THIS_MACHINE = new Set([
  0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0xca451a4e, 0x2fc12fc1, 0x2011bab0, 0x4d44, 0x7366746e,
  0x01021994,
]);

/**
 * Makes everything durable on the disk that a folder is on: one sync instead of one for each of many files, each of which
 * waits for the disk. Node has no such call, coreutils and BusyBox do.
 * @returns false where that cannot be had here: each file is to be synced then
 */
export async function syncWholeDisk(folder: string): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  if (!DISKS_OF_THIS_MACHINE.has((await statfs(folder)).type)) return false;
  return new Promise((resolve) => {
    const sync = spawn('sync', ['-f', '.'], { cwd: folder, stdio: 'ignore' });
    sync.once('error', () => resolve(false));
    sync.once('close', (code) => resolve(code === 0));
  });
}
