import type { Entry } from './entry.ts';
import { ProtocolViolation } from './errors.ts';
import { MAX_ENTRIES, MAX_MANIFEST_BYTES, MAX_PATH_BYTES } from './limits.ts';

/** `C:`, `C:/…` and `C:\…`. `a:b` is an ordinary name on most systems; where it is not, saving it renames it. */
const DRIVE = /^[A-Za-z]:(?:$|[/\\])/;

/**
 * Refuses what no honest sender offers as an entry's path. A path is relative and `/`-separated, 1 to
 * `MAX_PATH_BYTES` bytes of UTF-8. It says where an entry stands in the share, not what it is called where it
 * is saved: that is `local-path.ts`.
 *
 * @throws ProtocolViolation
 * @see docs/transfer-protocol.md, "Paths"
 */
export function checkPath(path: string): void {
  if (path === '') throw new ProtocolViolation('path is empty');
  if (path.length > MAX_PATH_BYTES || utf8Length(path) > MAX_PATH_BYTES) {
    throw new ProtocolViolation(`path is longer than ${MAX_PATH_BYTES} bytes`);
  }
  if (path.startsWith('/')) throw new ProtocolViolation('path is absolute');
  if (path.startsWith('\\\\')) throw new ProtocolViolation('path names a server');
  if (DRIVE.test(path)) throw new ProtocolViolation('path names a drive');
  for (const segment of path.split('/')) {
    if (segment === '') throw new ProtocolViolation('path has an empty segment');
    if (segment === '.' || segment === '..') throw new ProtocolViolation('path has a relative segment');
  }
}

/** Counts in the same pass that finds what UTF-8 or a path cannot hold. */
function utf8Length(path: string): number {
  let bytes = 0;
  for (let i = 0; i < path.length; i++) {
    const unit = path.charCodeAt(i);
    if (unit < 0x20) throw new ProtocolViolation('path has a control character');
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit < 0xd800 || unit > 0xdfff) bytes += 3;
    else {
      const low = path.charCodeAt(i + 1);
      if (unit > 0xdbff || !(low >= 0xdc00 && low <= 0xdfff)) {
        throw new ProtocolViolation('path is not well-formed Unicode');
      }
      bytes += 4;
      i++;
    }
  }
  return bytes;
}

/** The id of the share's top; other folders count up from it. */
const TOP = 0;
/** What a name stands for when it is a file's. */
const FILE = -1;

/**
 * The rule for all paths of a share together: no path twice, none both file and folder. Manifest pages are
 * added as they arrive. Folders that are only implied by what lies in them count as if they were listed, so
 * that a small manifest cannot name more than a large one may.
 */
export class PathTree {
  /** `<folder's id>/<name>` to the id of the folder of that name, or FILE. */
  readonly #names = new Map<string, number>();
  readonly #listed = new Set<number>();
  #folders = TOP;
  #folderPathUnits = 0;

  /** @throws ProtocolViolation when the path is refused by itself or beside those added before. */
  add(entry: Pick<Entry, 'kind' | 'path'>): void {
    checkPath(entry.path);
    let folder = TOP;
    let start = 0;
    for (let end = entry.path.indexOf('/'); end >= 0; end = entry.path.indexOf('/', start)) {
      folder = this.#folder(`${folder}/${entry.path.slice(start, end)}`, end);
      start = end + 1;
    }
    this.#addLast(entry, `${folder}/${entry.path.slice(start)}`);
  }

  #addLast(entry: Pick<Entry, 'kind' | 'path'>, key: string): void {
    if (entry.kind === 'folder') {
      const folder = this.#folder(key, entry.path.length);
      if (this.#listed.has(folder)) throw new ProtocolViolation('path is listed twice');
      this.#listed.add(folder);
      return;
    }
    const known = this.#names.get(key);
    if (known === FILE) throw new ProtocolViolation('path is listed twice');
    if (known !== undefined) throw new ProtocolViolation('path is both file and folder');
    this.#names.set(key, FILE);
  }

  /** The id of a folder, which is new if nothing named it before. */
  #folder(key: string, pathUnits: number): number {
    const known = this.#names.get(key);
    if (known === FILE) throw new ProtocolViolation('path is both file and folder');
    if (known !== undefined) return known;
    this.#folders += 1;
    this.#folderPathUnits += pathUnits;
    if (this.#folders > MAX_ENTRIES || this.#folderPathUnits > MAX_MANIFEST_BYTES) {
      throw new ProtocolViolation('paths name too many folders');
    }
    this.#names.set(key, this.#folders);
    return this.#folders;
  }
}
