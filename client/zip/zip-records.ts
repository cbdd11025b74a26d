/**
 * The records of a ZIP archive whose entries are stored, not compressed (PKWARE APPNOTE 6.3.10).
 * Sizes are known in advance, so there are no data descriptors; ZIP64 fields appear only where they must.
 */

/** One file or folder of an archive. */
export interface ZipItem {
  readonly kind: 'file' | 'folder';
  /** Relative, `/`-separated, without a slash at its end. */
  readonly path: string;
  /** 0 for a folder. */
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly executable: boolean;
}

const LOCAL_HEADER_BYTES = 30;
const CENTRAL_RECORD_BYTES = 46;
const UNIX_TIME_FIELD_BYTES = 9;
const ZIP64_LOCAL_FIELD_BYTES = 20;

/** A 32-bit field that holds this refers to the ZIP64 field or record. */
const IN_ZIP64 = 0xffffffff;
const IN_ZIP64_SHORT = 0xffff;

const VERSION_STORED = 20;
const VERSION_ZIP64 = 45;
/** Upper byte 3: external attributes carry Unix modes, and with them the executable bit. */
const MADE_BY = (3 << 8) | VERSION_ZIP64;
/** General purpose bit 11: names are UTF-8. */
const UTF8_NAMES = 1 << 11;

const MODE_FILE = 0o100644;
const MODE_PROGRAM = 0o100755;
const MODE_FOLDER = 0o040755;
const DOS_FOLDER = 0x10;

export function localHeader(item: ZipItem, crc: number): Uint8Array<ArrayBuffer> {
  const name = nameBytes(item);
  const large = item.sizeBytes >= IN_ZIP64;
  const record = new RecordWriter(localHeaderBytes(item));
  record
    .u32(0x04034b50)
    .u16(large ? VERSION_ZIP64 : VERSION_STORED)
    .u16(UTF8_NAMES)
    .u16(0);
  record.u32(dosDateTime(item.modifiedMs)).u32(crc);
  record.u32(large ? IN_ZIP64 : item.sizeBytes).u32(large ? IN_ZIP64 : item.sizeBytes);
  record
    .u16(name.length)
    .u16(UNIX_TIME_FIELD_BYTES + (large ? ZIP64_LOCAL_FIELD_BYTES : 0))
    .bytes(name);
  unixTimeField(record, item);
  // "This record MUST include BOTH original and compressed file size fields."
  if (large) record.u16(0x0001).u16(16).u64(item.sizeBytes).u64(item.sizeBytes);
  return record.done();
}

export function localHeaderBytes(item: ZipItem): number {
  const zip64 = item.sizeBytes >= IN_ZIP64 ? ZIP64_LOCAL_FIELD_BYTES : 0;
  return LOCAL_HEADER_BYTES + nameBytes(item).length + UNIX_TIME_FIELD_BYTES + zip64;
}

/** @param headerAt where the entry's local header begins */
export function centralRecord(item: ZipItem, crc: number, headerAt: number): Uint8Array<ArrayBuffer> {
  const name = nameBytes(item);
  const large = item.sizeBytes >= IN_ZIP64;
  const far = headerAt >= IN_ZIP64;
  const zip64Bytes = (large ? 16 : 0) + (far ? 8 : 0);
  const extraBytes = UNIX_TIME_FIELD_BYTES + (zip64Bytes > 0 ? 4 + zip64Bytes : 0);
  const record = new RecordWriter(CENTRAL_RECORD_BYTES + name.length + extraBytes);
  record
    .u32(0x02014b50)
    .u16(MADE_BY)
    .u16(zip64Bytes > 0 ? VERSION_ZIP64 : VERSION_STORED);
  record.u16(UTF8_NAMES).u16(0).u32(dosDateTime(item.modifiedMs)).u32(crc);
  record.u32(large ? IN_ZIP64 : item.sizeBytes).u32(large ? IN_ZIP64 : item.sizeBytes);
  record.u16(name.length).u16(extraBytes).u16(0).u16(0).u16(0);
  record.u16(item.kind === 'folder' ? DOS_FOLDER : 0).u16(unixMode(item));
  record.u32(far ? IN_ZIP64 : headerAt).bytes(name);
  unixTimeField(record, item);
  if (zip64Bytes > 0) {
    record.u16(0x0001).u16(zip64Bytes);
    if (large) record.u64(item.sizeBytes).u64(item.sizeBytes);
    if (far) record.u64(headerAt);
  }
  return record.done();
}

/** What closes an archive whose central directory lies at `centralAt`. */
export function endRecords(items: number, centralAt: number, centralBytes: number): Uint8Array<ArrayBuffer> {
  const zip64 = items >= IN_ZIP64_SHORT || centralAt >= IN_ZIP64 || centralBytes >= IN_ZIP64;
  const record = new RecordWriter(22 + (zip64 ? 76 : 0));
  if (zip64) {
    record.u32(0x06064b50).u64(44).u16(MADE_BY).u16(VERSION_ZIP64).u32(0).u32(0);
    record.u64(items).u64(items).u64(centralBytes).u64(centralAt);
    record
      .u32(0x07064b50)
      .u32(0)
      .u64(centralAt + centralBytes)
      .u32(1);
  }
  const count = Math.min(items, IN_ZIP64_SHORT);
  record.u32(0x06054b50).u16(0).u16(0).u16(count).u16(count);
  record.u32(Math.min(centralBytes, IN_ZIP64)).u32(Math.min(centralAt, IN_ZIP64)).u16(0);
  return record.done();
}

function nameBytes(item: ZipItem): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(item.kind === 'folder' ? `${item.path}/` : item.path);
}

function unixMode(item: ZipItem): number {
  if (item.kind === 'folder') return MODE_FOLDER;
  return item.executable ? MODE_PROGRAM : MODE_FILE;
}

/** Info-ZIP's extended timestamp: UTC and to the second, where the DOS field is local and even seconds only. */
function unixTimeField(record: RecordWriter, item: ZipItem): void {
  const seconds = Math.floor(item.modifiedMs / 1000);
  const clamped = Math.min(Math.max(seconds, -0x80000000), 0x7fffffff);
  record
    .u16(0x5455)
    .u16(5)
    .u8(1)
    .u32(clamped >>> 0);
}

/** Local time, as the format demands; years outside 1980–2107 are brought to the nearest end. */
function dosDateTime(modifiedMs: number): number {
  const date = new Date(modifiedMs);
  const year = date.getFullYear();
  if (!(year >= 1980)) return 0x0021 << 16;
  if (year > 2107) return 0xff9fbf7d;
  const day = ((year - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate();
  const time = (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1);
  return ((day << 16) | time) >>> 0;
}

/** Little-endian fields, one after another, into a record of known length. */
class RecordWriter {
  readonly #view: DataView<ArrayBuffer>;
  #at = 0;

  constructor(lengthBytes: number) {
    this.#view = new DataView(new ArrayBuffer(lengthBytes));
  }

  u8(value: number): this {
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
    return this;
  }

  u16(value: number): this {
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  u64(value: number): this {
    this.#view.setBigUint64(this.#at, BigInt(value), true);
    this.#at += 8;
    return this;
  }

  bytes(bytes: Uint8Array): this {
    new Uint8Array(this.#view.buffer).set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  done(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#view.buffer);
  }
}
