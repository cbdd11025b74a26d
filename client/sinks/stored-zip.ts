import type { EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import { APPEND_BYTES, MOVE_BYTES } from '../limits.ts';
import { combineCrc32, crc32 } from '../zip/crc32.ts';
import { centralRecord, endRecords, localHeader, localHeaderBytes } from '../zip/zip-records.ts';
import type { PlacedItem, RandomAccessFile } from './container.ts';

interface Place {
  readonly item: PlacedItem;
  readonly dataAt: number;
  /** By offset, while blocks arrive. */
  pieces: Map<number, { readonly crc: number; readonly lengthBytes: number }> | null;
  /** Null until committed. */
  crc: number | null;
}

/**
 * An archive laid out in advance: sizes are known, so each entry's bytes have their final place before they come,
 * and only the central directory is written at the end. An entry's local header is written when it is committed.
 */
export class StoredZip {
  readonly #file: RandomAccessFile;
  /** In the archive's order. */
  readonly #places = new Map<EntryId, Place>();

  /**
   * Reserves the whole length at once; what an earlier run wrote to these places stays.
   * @param items in the order of their places
   */
  constructor(file: RandomAccessFile, items: readonly PlacedItem[]) {
    this.#file = file;
    let [end, centralBytes] = [0, 0];
    for (const item of items) {
      const dataAt = item.headerAt + localHeaderBytes(item);
      this.#places.set(item.id, { item, dataAt, pieces: null, crc: null });
      end = dataAt + item.sizeBytes;
      centralBytes += centralRecord(item, 0, item.headerAt).length;
    }
    file.truncate(end + centralBytes + endRecords(items.length, end, centralBytes).length);
    for (const { item } of this.#places.values()) if (item.kind === 'folder') this.commit(item.id);
  }

  /** Of what an earlier run wrote, the CRC is taken here: only what has been read again counts. */
  read(entry: EntryId, offset: number, lengthBytes: number): Uint8Array<ArrayBuffer> {
    const place = this.#place(entry);
    const bytes = new Uint8Array(lengthBytes);
    this.#file.read(bytes, place.dataAt + offset);
    note(place, offset, bytes);
    return bytes;
  }

  write(entry: EntryId, offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    const place = this.#place(entry);
    this.#file.write(bytes, place.dataAt + offset);
    note(place, offset, bytes);
  }

  commit(entry: EntryId): void {
    const place = this.#place(entry);
    place.crc = wholeCrc(place);
    place.pieces = null;
    this.#file.write(localHeader(place.item, place.crc), place.item.headerAt);
  }

  discard(entry: EntryId): void {
    const place = this.#place(entry);
    place.crc = null;
    place.pieces = null;
  }

  /** What is committed, in the archive's order. */
  committed(): readonly EntryId[] {
    return Array.from(this.#places.values()).flatMap(({ item, crc }) => (crc === null ? [] : [item.id]));
  }

  /** Closes the gaps that uncommitted entries leave, and the archive. Returns the ids of what it holds. */
  finish(): readonly EntryId[] {
    const central: Uint8Array<ArrayBuffer>[] = [];
    let end = 0;
    for (const { item, dataAt, crc } of this.#places.values()) {
      if (crc === null) continue;
      const { headerAt } = item;
      const lengthBytes = dataAt - headerAt + item.sizeBytes;
      if (end !== headerAt) this.#moveDown(headerAt, end, lengthBytes);
      central.push(centralRecord(item, crc, end));
      end += lengthBytes;
    }
    const centralBytes = central.reduce((sum, record) => sum + record.length, 0);
    const held = this.committed();
    central.push(endRecords(held.length, end, centralBytes));
    this.#file.truncate(this.#append(central, end));
    return held;
  }

  #place(entry: EntryId): Place {
    const place = this.#places.get(entry);
    if (place === undefined)
      throw new TransferError('internal', `entry ${entry} has no place in the archive`);
    return place;
  }

  /** Towards the start, so that a piece never overwrites one that is still to be moved. */
  #moveDown(from: number, to: number, lengthBytes: number): void {
    const buffer = new Uint8Array(Math.min(MOVE_BYTES, lengthBytes));
    for (let moved = 0; moved < lengthBytes; moved += buffer.length) {
      const piece = buffer.subarray(0, Math.min(buffer.length, lengthBytes - moved));
      this.#file.read(piece, from + moved);
      this.#file.write(piece, to + moved);
    }
  }

  /** Many small records in few writes. Returns where the last ends. */
  #append(records: readonly Uint8Array<ArrayBuffer>[], start: number): number {
    const buffer = new Uint8Array(APPEND_BYTES);
    let at = start;
    let filled = 0;
    const flush = (): void => {
      this.#file.write(buffer.subarray(0, filled), at);
      at += filled;
      filled = 0;
    };
    for (const record of records) {
      if (filled + record.length > buffer.length) flush();
      buffer.set(record, filled);
      filled += record.length;
    }
    flush();
    return at;
  }
}

function note(place: Place, offset: number, bytes: Uint8Array): void {
  place.pieces ??= new Map();
  place.pieces.set(offset, { crc: crc32(bytes), lengthBytes: bytes.length });
}

/** Joins the pieces' CRCs in file order. @throws TransferError `internal` if they do not cover the file */
function wholeCrc({ item, pieces }: Place): number {
  let crc = 0;
  let at = 0;
  while (at < item.sizeBytes) {
    const piece = pieces?.get(at);
    if (piece === undefined) throw new TransferError('internal', `no byte ${at} of entry ${item.id}`);
    crc = combineCrc32(crc, piece.crc, piece.lengthBytes);
    at += piece.lengthBytes;
  }
  return crc;
}
