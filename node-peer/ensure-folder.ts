import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder and those above it, where they are not there yet. Node's own way (`recursive`) never ends where the system
 * says that there is nothing although the folder above is there, as `/proc` does.
 * @throws what the system says, in Node's words
 */
export async function ensureFolder(path: string): Promise<void> {
  const folder = resolve(path);
  try {
    await mkdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !(await isThere(dirname(folder)))) {
      await ensureFolder(dirname(folder));
      // Another process may be at it too.
      await ensureFolder(folder);
      return;
    }
    const stats = await stat(folder).catch(() => null);
    if (stats?.isDirectory()) return;
    throw stats ? new Error('it is not a folder', { cause: error }) : error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
