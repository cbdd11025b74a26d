import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder that lasts as long as the test. */
export async function scratchFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-test-')));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files; a path that ends with a slash is an empty folder. */
export async function plant(folder: string, files: Record<string, string | Uint8Array>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const place = join(folder, path);
    await mkdir(path.endsWith('/') ? place : dirname(place), { recursive: true });
    if (!path.endsWith('/')) await writeFile(place, content);
  }
}

/** All that lies in a folder: files by content, folders as null, links as `-> target`. */
export async function look(folder: string): Promise<Record<string, string | null>> {
  const names = (await readdir(folder, { recursive: true })).sort();
  const found = names.map(async (name) => [name, await content(join(folder, name))] as const);
  return Object.fromEntries(await Promise.all(found));
}

async function content(path: string): Promise<string | null> {
  const stats = await lstat(path);
  if (stats.isSymbolicLink()) return `-> ${await readlink(path)}`;
  return stats.isDirectory() ? null : readFile(path, 'latin1');
}
