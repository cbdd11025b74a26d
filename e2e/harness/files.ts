import { execFile } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, readlink, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const CHUNK_BYTES = 1024 * 1024;

/** What files are dated unless the test says otherwise: of no age that a copy would have by chance. */
const MTIME = new Date('2020-02-29T12:34:56.789Z');

/** A file of a tree to be made; a bare number is its size. */
export interface FileSpec {
  readonly sizeBytes: number;
  readonly mode?: number;
  readonly mtime?: Date;
}

/** By path with forward slashes; one that ends in a slash is an empty folder, and its size is 0. */
export type TreeSpec = Readonly<Record<string, number | FileSpec>>;

/**
 * What two copies of an entry have in common if nothing was lost. `mode` is the permission bits alone; the time is
 * in whole milliseconds, as it travels.
 */
export type EntryDigest =
  | { readonly kind: 'file'; readonly sha256: string; readonly mode: number; readonly mtimeMs: number }
  | { readonly kind: 'folder' }
  | { readonly kind: 'link'; readonly target: string };

/** Makes a file of bytes that look random and are the same for the same seed. Parents are made as well. */
export async function makeFile(path: string, sizeBytes: number, seed = basename(path)): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  const key = createHash('sha256').update(seed).digest();
  const stream = createCipheriv('aes-256-ctr', key, new Uint8Array(16));
  const zeros = new Uint8Array(CHUNK_BYTES);
  const file = await open(path, 'w');
  try {
    for (let left = sizeBytes; left > 0; left -= CHUNK_BYTES) {
      await file.write(stream.update(zeros.subarray(0, Math.min(left, CHUNK_BYTES))));
    }
  } finally {
    await file.close();
  }
  return path;
}

/** Makes a folder with all that the specification names, and returns its path. */
export async function makeTree(folder: string, tree: TreeSpec): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [path, value] of Object.entries(tree)) {
    const spec: FileSpec = typeof value === 'number' ? { sizeBytes: value } : value;
    const { sizeBytes, mode, mtime = MTIME } = spec;
    const absolute = join(folder, path);
    if (path.endsWith('/')) {
      await mkdir(absolute, { recursive: true });
      continue;
    }
    await makeFile(absolute, sizeBytes, path);
    if (mode !== undefined) await chmod(absolute, mode);
    await utimes(absolute, mtime, mtime);
  }
  return folder;
}

/** SHA-256 in hexadecimal. */
export async function digestFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) hash.update(chunk);
  return hash.digest('hex');
}

/** Everything below a folder, by path with forward slashes, in order; links are not followed. */
export async function digestTree(folder: string): Promise<Record<string, EntryDigest>> {
  const names = await readdir(folder, { recursive: true });
  const digests: Record<string, EntryDigest> = {};
  for (const name of names.sort()) {
    digests[name.replaceAll('\\', '/')] = await digestEntry(join(folder, name));
  }
  return digests;
}

/** The contents alone, for where a browser stands between, which sets modes and times of its own. */
export async function digestContents(folder: string): Promise<Record<string, string>> {
  const tree = await digestTree(folder);
  return Object.fromEntries(
    Object.entries(tree).map(([path, entry]) => [path, entry.kind === 'file' ? entry.sha256 : entry.kind]),
  );
}

/** Unpacks an archive with the system's own `unzip`, which is no relative of the code under test. */
export async function unpack(archive: string, folder: string): Promise<string> {
  await promisify(execFile)('unzip', ['-q', archive, '-d', folder]);
  return folder;
}

async function digestEntry(path: string): Promise<EntryDigest> {
  const stats = await lstat(path);
  if (stats.isSymbolicLink()) return { kind: 'link', target: await readlink(path) };
  if (stats.isDirectory()) return { kind: 'folder' };
  return {
    kind: 'file',
    sha256: await digestFile(path),
    mode: stats.mode & 0o777,
    mtimeMs: Math.round(stats.mtimeMs),
  };
}
