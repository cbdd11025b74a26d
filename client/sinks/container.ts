import type { EntryId } from '#protocol/entry.ts';
import type { ZipItem } from '../zip/zip-records.ts';

/** One chosen entry as a container places it: `path` is already safe at the receiver's. */
export interface ContainerItem extends ZipItem {
  readonly id: EntryId;
}

/** One with its place. */
export interface PlacedItem extends ContainerItem {
  /** Where its local header begins; its contents follow. */
  readonly headerAt: number;
}

/** Bytes at offsets: an OPFS access handle in a worker, or memory. */
export interface RandomAccessFile {
  /** Fills all of `into`. */
  read(into: Uint8Array<ArrayBuffer>, at: number): void;
  write(bytes: Uint8Array<ArrayBuffer>, at: number): void;
  /** Cuts or grows (with zeros) to this length; growing reserves the space where the platform can. */
  truncate(lengthBytes: number): void;
}
