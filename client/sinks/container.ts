import type { EntryId } from '#protocol/entry.ts';
import type { ZipItem } from '../zip/zip-records.ts';

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
  /** What was written, in this run or in an earlier one. */
  read(entry: EntryId, offset: number, lengthBytes: number): Uint8Array<ArrayBuffer>;
  write(entry: EntryId, offset: number, bytes: Uint8Array<ArrayBuffer>): void;
  commit(entry: EntryId): void;
  discard(entry: EntryId): void;
  /** Closes the gaps that uncommitted entries leave, and the file. Returns the ids of what it holds. */
  finish(): readonly EntryId[];
}
