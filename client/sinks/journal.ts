import type { Entry } from '#protocol/entry.ts';
import { BLOCK_BYTES, MAX_ENTRIES, MAX_FILE_BYTES, MAX_PATH_BYTES } from '#protocol/limits.ts';
import { crc32 } from '../zip/crc32.ts';

/**
 * The journal of a delivery: which entries its container was laid out for, in the container's order, and which blocks
 * have been written since, each with its leaf. Records are appended after what they speak of was written, each with
 * its length and CRC-32 before it, so that a torn end shows. A hint, no proof: every block is read again before it counts.
 *
 * "spj1", then records: u16 length of the body, u32 CRC-32 of the body, the body, which begins with its kind:
 * 1 entry (u8 is a folder, u32 bytes before its contents, u64 size, path in UTF-8); 2 end of a layout (u32 count of all entries so
 * far): a later run may lay out more, behind what is there; 3 block (u32 number of its entry, u64 index, 32 bytes leaf);
 * 4 entry given up (u32 its number): its place stays empty. Little-endian.
 */
export interface Journal {
  /** An entry's number is its index here. */
  readonly laidOut: readonly LaidOut[];
  /** By number of the entry, then by index of the block. */
  readonly leaves: ReadonlyMap<number, ReadonlyMap<number, Uint8Array>>;
  readonly givenUp: ReadonlySet<number>;
  /** What of the journal is whole: further records belong after it. */
  readonly lengthBytes: number;
}

/** An entry as it was chosen: the same in another run if all of this is. A folder's size is 0. */
export interface Chosen {
  readonly kind: Entry['kind'];
  readonly path: string;
  readonly sizeBytes: number;
}

/** An entry in a container, right behind the one before. */
export interface LaidOut extends Chosen {
  /** What its contents come after. */
  readonly headerBytes: number;
}

const MAGIC = new TextEncoder().encode('spj1');
const HEAD_BYTES = 6;
const LEAF_BYTES = 32;
const ENTRY = 1;
const LAYOUT_END = 2;
const BLOCK = 3;
const GIVEN_UP = 4;
const ENTRY_FIXED_BYTES = 14;
const BLOCK_BODY_BYTES = 13 + LEAF_BYTES;

/** What a journal begins with. */
export function journalStart(): Uint8Array<ArrayBuffer> {
  return MAGIC.slice();
}

/** @param earlier how many entries were laid out before */
export function layoutRecords(laidOut: readonly LaidOut[], earlier: number): Uint8Array<ArrayBuffer> {
  const utf8 = new TextEncoder();
  const records = laidOut.map(({ kind, path, sizeBytes, headerBytes }) => {
    const name = utf8.encode(path);
    const body = new Uint8Array(ENTRY_FIXED_BYTES + name.length);
    const view = new DataView(body.buffer);
    view.setUint8(0, ENTRY);
    view.setUint8(1, kind === 'folder' ? 1 : 0);
    view.setUint32(2, headerBytes, true);
    view.setBigUint64(6, BigInt(sizeBytes), true);
    body.set(name, ENTRY_FIXED_BYTES);
    return record(body);
  });
  return joined([...records, record(numbered(LAYOUT_END, earlier + laidOut.length))]);
}

export function blockRecord(entry: number, index: number, leaf: Uint8Array): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(BLOCK_BODY_BYTES);
  body.set(numbered(BLOCK, entry));
  new DataView(body.buffer).setBigUint64(5, BigInt(index), true);
  body.set(leaf, 13);
  return record(body);
}

export function givenUpRecord(entry: number): Uint8Array<ArrayBuffer> {
  return record(numbered(GIVEN_UP, entry));
}

/** Takes what is whole, up to the first record that is not; null where no layout is. Keeps views of `bytes`. */
export function readJournal(bytes: Uint8Array<ArrayBuffer>): Journal | null {
  if (MAGIC.some((byte, at) => bytes[at] !== byte)) return null;
  const reading = new JournalReading();
  let at = MAGIC.length;
  let lengthBytes = 0;
  for (let body = bodyAt(bytes, at); body !== null && reading.take(body); body = bodyAt(bytes, at)) {
    at += HEAD_BYTES + body.length;
    if (reading.isWhole) lengthBytes = at;
  }
  const { laidOut, leaves, givenUp } = reading;
  return lengthBytes === 0 ? null : { laidOut, leaves, givenUp, lengthBytes };
}

/** What the records have told so far. */
class JournalReading {
  readonly laidOut: LaidOut[] = [];
  readonly leaves = new Map<number, Map<number, Uint8Array>>();
  readonly givenUp = new Set<number>();
  /** Entries of a layout whose end is still to come. */
  #begun: LaidOut[] | null = [];

  get isWhole(): boolean {
    return this.#begun === null;
  }

  /** Returns whether the record makes sense where it stands. */
  take(body: Uint8Array<ArrayBuffer>): boolean {
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    const kind = body[0];
    if (kind === ENTRY) return this.#takeEntry(body, view);
    if (kind === BLOCK) return this.isWhole && this.#takeBlock(body, view);
    if (body.length !== 5) return false;
    if (kind === LAYOUT_END) return this.#endLayout(view.getUint32(1, true));
    return kind === GIVEN_UP && this.isWhole && this.#giveUp(view.getUint32(1, true));
  }

  #takeEntry(body: Uint8Array, view: DataView): boolean {
    const isFolder = body[1] === 1;
    if (body.length <= ENTRY_FIXED_BYTES || body.length > ENTRY_FIXED_BYTES + MAX_PATH_BYTES) return false;
    const [headerBytes, sizeBytes] = [view.getUint32(2, true), Number(view.getBigUint64(6, true))];
    this.#begun ??= [];
    if (this.laidOut.length + this.#begun.length >= 2 * MAX_ENTRIES) return false;
    if (sizeBytes > (isFolder ? 0 : MAX_FILE_BYTES)) return false;
    const path = new TextDecoder().decode(body.subarray(ENTRY_FIXED_BYTES));
    this.#begun.push({ kind: isFolder ? 'folder' : 'file', path, sizeBytes, headerBytes });
    return true;
  }

  #endLayout(count: number): boolean {
    if (this.#begun === null || count !== this.laidOut.length + this.#begun.length) return false;
    for (const entry of this.#begun) this.laidOut.push(entry);
    this.#begun = null;
    return true;
  }

  #takeBlock(body: Uint8Array, view: DataView): boolean {
    if (body.length !== BLOCK_BODY_BYTES) return false;
    const entry = view.getUint32(1, true);
    const index = Number(view.getBigUint64(5, true));
    const sizeBytes = this.laidOut[entry]?.sizeBytes ?? 0;
    if (index * BLOCK_BYTES >= sizeBytes) return false;
    const leaves = this.leaves.get(entry) ?? new Map<number, Uint8Array>();
    leaves.set(index, body.subarray(13));
    this.leaves.set(entry, leaves);
    return true;
  }

  #giveUp(entry: number): boolean {
    if (entry >= this.laidOut.length) return false;
    this.leaves.delete(entry);
    this.givenUp.add(entry);
    return true;
  }
}

/** The body of the record that begins here; null where there is no whole one. */
function bodyAt(bytes: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> | null {
  if (at + HEAD_BYTES > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  const start = at + HEAD_BYTES;
  const body = bytes.subarray(start, start + view.getUint16(0, true));
  const isWhole = body.length > 0 && body.length === view.getUint16(0, true);
  return isWhole && crc32(body) === view.getUint32(2, true) ? body : null;
}

function record(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEAD_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, body.length, true);
  view.setUint32(2, crc32(body), true);
  bytes.set(body, HEAD_BYTES);
  return bytes;
}

function numbered(kind: number, value: number): Uint8Array {
  const body = new Uint8Array(5);
  body[0] = kind;
  new DataView(body.buffer).setUint32(1, value, true);
  return body;
}

/** One after another. */
export function joined(records: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(records.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const each of records) {
    bytes.set(each, at);
    at += each.length;
  }
  return bytes;
}
