import type { EntryId } from '#protocol/entry.ts';
import type { ZipItem } from '../zip/zip-records.ts';
import { PlainFile } from './plain-file.ts';
import { StoredZip } from './stored-zip.ts';

/** One chosen entry as a container places it: `path` is already safe at the receiver's. */
export interface ContainerItem extends ZipItem {
  readonly id: EntryId;
}

/** Bytes at offsets: an OPFS access handle in a worker, or memory. */
export interface RandomAccessFile {
  /** Fills all of `into`. */
  read(into: Uint8Array<ArrayBuffer>, at: number): void;
  write(bytes: Uint8Array<ArrayBuffer>, at: number): void;
  /** Cuts or grows (with zeros) to this length; growing reserves the space where the platform can. */
  truncate(lengthBytes: number): void;
}

/**
 * How entries lie in the one file that a page hands to the browser's downloads. All places are fixed when it is
 * made, so that blocks go straight to where they stay and nothing is copied at the end.
 */
export interface Container {
  write(entry: EntryId, offset: number, bytes: Uint8Array<ArrayBuffer>): void;
  commit(entry: EntryId): void;
  discard(entry: EntryId): void;
  /** Closes the gaps that uncommitted entries leave, and the file. Returns the ids of what it holds. */
  finish(): readonly EntryId[];
}

/** Whether a single file is delivered as it is; everything else becomes an archive. */
export function isPlain(items: readonly ContainerItem[]): boolean {
  return items.length === 1 && items[0]?.kind === 'file';
}

/** Reserves the whole length in `file` at once. */
export function createContainer(file: RandomAccessFile, items: readonly ContainerItem[]): Container {
  const [first] = items;
  return first !== undefined && isPlain(items) ? new PlainFile(file, first) : new StoredZip(file, items);
}
