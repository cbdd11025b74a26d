import type { Stats } from 'node:fs';
import { access, constants, lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import type { Entry } from '#protocol/entry.ts';
import { ProtocolViolation, TransferError } from '#protocol/errors.ts';
import { MAX_ENTRIES } from '#protocol/limits.ts';
import { numbered } from '#protocol/local-path.ts';
import { checkPath } from '#protocol/path.ts';
import { diskError } from './disk-error.ts';
import { inParallel } from './in-parallel.ts';
import { DISK_CALLS_AT_ONCE } from './limits.ts';
import type { At, LinklessFolders } from './linkless-folders.ts';

/** Where an offered file is, and what it was when it was offered. */
export interface OfferedFile {
  /** Real path of the folder it lies in. */
  readonly folder: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** When the system last saw it change, in anything. */
  readonly ctimeMs: number;
}

/** Why something in a sent folder is not offered. */
export type SkipReason =
  | 'link-outside'
  | 'link-to-folder'
  | 'link-broken'
  | 'not-a-file'
  | 'unreadable'
  | 'unsafe-name';

export interface Skipped {
  /** As an entry's path would be; U+FFFD stands for what is not UTF-8. */
  readonly path: string;
  readonly reason: SkipReason;
}

interface FoundFolder {
  readonly kind: 'folder';
  /** As it is offered. */
  readonly path: string;
  /** Its real path. */
  readonly folder: string;
  readonly mtimeMs: number;
}
interface FoundFile extends OfferedFile {
  readonly kind: 'file';
  readonly path: string;
  readonly executable: boolean;
}
type Found = FoundFolder | FoundFile | ({ readonly kind: 'skipped' } & Skipped);

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Finds what lies at the paths that a person names, in an order that depends on names alone. */
export class FolderWalk {
  readonly entries: Entry[] = [];
  /** By entry id; folders have none. */
  readonly files: (OfferedFile | undefined)[] = [];
  readonly skipped: Skipped[] = [];
  readonly #folders: LinklessFolders;
  readonly #topNames = new Set<string>();

  constructor(folders: LinklessFolders) {
    this.#folders = folders;
  }

  /**
   * Adds a file, or a folder with all that lies in it, under its own name. Links on the way to it are followed.
   * @throws TransferError `source-unreadable`, `unsafe-path`, `manifest-too-large`
   */
  async add(given: string): Promise<void> {
    try {
      const real = await realpath(given);
      const stats = await stat(real);
      if (stats.isDirectory()) {
        const root = await this.#folders.addRoot(real);
        const top = foundFolder(this.#topName(given, real, 'folder'), root, stats);
        await this.#addFolder(root, top, await this.#list(root, top));
      } else if (stats.isFile()) {
        await access(real, constants.R_OK);
        const folder = await this.#folders.addRoot(dirname(real));
        this.#offer(foundFile(this.#topName(given, real, 'file'), folder, basename(real), stats));
      } else throw new Error('neither a file nor a folder');
    } catch (error) {
      throw diskError(error, given, 'source-unreadable');
    }
  }

  /** As `add`, but what cannot be read is skipped. */
  async addIfReadable(given: string): Promise<void> {
    await this.add(given).catch((error: unknown) => {
      if (!(error instanceof TransferError && error.code === 'source-unreadable')) throw error;
      this.skipped.push({ path: basename(given), reason: 'unreadable' });
    });
  }

  /** The name to offer what was named on top: its own, numbered where an earlier one has it. */
  #topName(given: string, real: string, kind: Entry['kind']): string {
    const last = basename(given);
    const name = (last === '.' || last === '..' ? basename(real) : last) || 'root';
    if (!isOfferable(name)) throw new TransferError('unsafe-path', `${given}: a name that cannot be sent`);
    let unique = name;
    for (let n = 2; this.#topNames.has(unique); n++) unique = numbered(name, n, kind);
    this.#topNames.add(unique);
    return unique;
  }

  /** Adds a folder and what was found in it, in the order of names. What cannot be offered is left out and noted. */
  async #addFolder(root: string, folder: FoundFolder, children: readonly Found[]): Promise<void> {
    this.#offer(folder);
    for (const child of children) {
      if (child.kind === 'file') this.#offer(child);
      else if (child.kind === 'skipped') this.skipped.push({ path: child.path, reason: child.reason });
      else {
        const inner = await this.#list(root, child).catch(() => null);
        if (inner !== null) await this.#addFolder(root, child, inner);
        else this.skipped.push({ path: child.path, reason: 'unreadable' });
      }
    }
  }

  #offer(found: FoundFile | FoundFolder): void {
    if (this.entries.length === MAX_ENTRIES) {
      throw new TransferError('manifest-too-large', `more than ${MAX_ENTRIES} files and folders`);
    }
    const { kind, path } = found;
    // Rounded, since a time that was set in seconds comes back a little less.
    const modifiedMs = Math.round(found.mtimeMs);
    if (kind === 'folder') {
      this.entries.push({ kind, path, modifiedMs });
      return;
    }
    const { folder, name, sizeBytes, mtimeMs, ctimeMs } = found;
    const executable = found.executable ? ({ executable: true } as const) : {};
    this.files[this.entries.length] = { folder, name, sizeBytes, mtimeMs, ctimeMs };
    this.entries.push({ kind, path, sizeBytes, modifiedMs, ...executable });
  }

  async #list(root: string, { folder, path }: FoundFolder): Promise<Found[]> {
    return this.#folders.within(folder, async (at) => {
      const names = await readdir(at('.'), { encoding: 'buffer' });
      const found = await inParallel(names, DISK_CALLS_AT_ONCE, (bytes) => {
        const name = decodeUtf8(bytes);
        if (name === null) return skip(`${path}/${bytes.toString()}`, 'unsafe-name');
        return this.#inspect(root, folder, at, name, `${path}/${name}`);
      });
      return found.sort((a, b) => (a.path < b.path ? -1 : 1));
    });
  }

  async #inspect(root: string, folder: string, at: At, name: string, path: string): Promise<Found> {
    if (!isOfferable(path)) return skip(path, 'unsafe-name');
    try {
      const stats = await lstat(at(name));
      if (stats.isDirectory()) return foundFolder(path, join(folder, name), stats);
      if (stats.isSymbolicLink()) return await this.#inspectLink(root, at(name), path);
      return await inspectFile(folder, at, name, path, stats);
    } catch {
      return skip(path, 'unreadable');
    }
  }

  /** A link to a file in the same sent folder is sent as that file; no other link is followed. */
  async #inspectLink(root: string, link: string, path: string): Promise<Found> {
    const real = await realpath(link).catch(() => null);
    if (real === null) return skip(path, 'link-broken');
    if (real === root) return skip(path, 'link-to-folder');
    if (!real.startsWith(root.endsWith(sep) ? root : root + sep)) return skip(path, 'link-outside');
    const folder = dirname(real);
    const name = basename(real);
    return this.#folders.within(folder, async (at) => {
      const stats = await lstat(at(name));
      if (stats.isDirectory()) return skip(path, 'link-to-folder');
      return inspectFile(folder, at, name, path, stats);
    });
  }
}

async function inspectFile(folder: string, at: At, name: string, path: string, stats: Stats): Promise<Found> {
  if (!stats.isFile()) return skip(path, 'not-a-file');
  await access(at(name), constants.R_OK);
  return foundFile(path, folder, name, stats);
}

function foundFolder(path: string, folder: string, { mtimeMs }: Stats): FoundFolder {
  return { kind: 'folder', path, folder, mtimeMs };
}

function foundFile(
  path: string,
  folder: string,
  name: string,
  { size, mtimeMs, ctimeMs, mode }: Stats,
): FoundFile {
  const executable = process.platform !== 'win32' && (mode & constants.S_IXUSR) !== 0;
  return { kind: 'file', path, folder, name, sizeBytes: size, mtimeMs, ctimeMs, executable };
}

async function skip(path: string, reason: SkipReason): Promise<Found> {
  return { kind: 'skipped', path, reason };
}

function isOfferable(path: string): boolean {
  try {
    checkPath(path);
    return true;
  } catch (error) {
    if (error instanceof ProtocolViolation) return false;
    throw error;
  }
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}
