import { crc32 } from 'node:zlib';
import type { Entry } from '#protocol/entry.ts';
import { LEAF_BYTES } from '#protocol/leaf-tree.ts';
import { MAX_JOURNAL_RECORD_BYTES } from './limits.ts';

/**
 * What a folder sink notes for a later run, always after the fact. Files go by numbers of the journal's own: the ids of
 * a share's entries are the sender's, and may be others the next time.
 */
export type JournalRecord =
  /** The first one: of which share and delivery this is the journal. */
  | { readonly type: 'share'; readonly shareId: string; readonly deliveryId: string }
  /** Said again where it is begun anew: nothing that was noted of it before counts. */
  | {
      readonly type: 'entry';
      readonly number: number;
      readonly kind: Entry['kind'];
      readonly path: string;
      readonly sizeBytes: number;
    }
  /** A folder of the share is about to be made: where it was planned, and where it will lie; both `/`-separated, in the target. */
  | { readonly type: 'folder'; readonly planned: string; readonly place: string }
  | { readonly type: 'made'; readonly planned: string }
  /** A block was written. The last word on a block holds. */
  | { readonly type: 'block'; readonly number: number; readonly index: number; readonly leaf: Uint8Array }
  /** The file is about to get its final name. */
  | { readonly type: 'intent'; readonly number: number; readonly root: Uint8Array; readonly place: string }
  | { readonly type: 'committed'; readonly number: number };

/** Nothing is read of the others: all is fetched again. */
const VERSION = 3;
const TYPES = ['share', 'entry', 'folder', 'made', 'block', 'intent', 'committed'] as const;
/** Length and CRC-32 of the body, which begins with its type. */
const HEAD_BYTES = 8;

export function encodeRecord(record: JournalRecord): Uint8Array {
  const body = Buffer.concat([Uint8Array.of(TYPES.indexOf(record.type)), ...fieldsOf(record)]);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(body.length);
  head.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([head, body]);
}

/**
 * The records of a journal up to the first that makes no sense: what a crash tore, or a disk damaged, ends it.
 * Leaves and roots are views of `bytes`.
 */
export function* decodeRecords(bytes: Uint8Array): Generator<JournalRecord, void> {
  const journal = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + HEAD_BYTES <= journal.length; ) {
    const start = at + HEAD_BYTES;
    const lengthBytes = journal.readUInt32BE(at);
    if (lengthBytes > MAX_JOURNAL_RECORD_BYTES || start + lengthBytes > journal.length) return;
    const body = journal.subarray(start, start + lengthBytes);
    if (crc32(body) !== journal.readUInt32BE(at + 4)) return;
    const record = decodeBody(body);
    if (record === null) return;
    yield record;
    at = start + lengthBytes;
  }
}

function fieldsOf(record: JournalRecord): Uint8Array[] {
  switch (record.type) {
    case 'share':
      return [Uint8Array.of(VERSION), text(record.shareId), text(record.deliveryId)];
    case 'entry': {
      const kind = Uint8Array.of(record.kind === 'file' ? 1 : 0);
      return [integer(record.number), kind, integer(record.sizeBytes), text(record.path)];
    }
    case 'folder':
      return [text(record.planned), text(record.place)];
    case 'made':
      return [text(record.planned)];
    case 'block':
      return [integer(record.number), integer(record.index), record.leaf];
    case 'intent':
      return [integer(record.number), sized(record.root), text(record.place)];
    case 'committed':
      return [integer(record.number)];
  }
}

function decodeBody(body: Buffer): JournalRecord | null {
  try {
    const fields = new Fields(body);
    const type = TYPES[fields.byte()];
    const record = type === undefined ? null : readRecord(type, fields);
    return fields.rest === 0 ? record : null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function readRecord(type: JournalRecord['type'], fields: Fields): JournalRecord | null {
  switch (type) {
    case 'share': {
      if (fields.byte() !== VERSION) return null;
      return { type, shareId: fields.text(), deliveryId: fields.text() };
    }
    case 'entry': {
      const [number, isFile, sizeBytes] = [fields.integer(), fields.byte(), fields.integer()];
      return { type, number, kind: isFile ? 'file' : 'folder', sizeBytes, path: fields.text() };
    }
    case 'folder':
      return { type, planned: fields.text(), place: fields.place() };
    case 'made':
      return { type, planned: fields.text() };
    case 'block':
      return {
        type,
        number: fields.integer(),
        index: fields.integer(),
        leaf: plain(fields.bytes(LEAF_BYTES)),
      };
    case 'intent':
      return { type, number: fields.integer(), root: plain(fields.sized()), place: fields.place() };
    case 'committed':
      return { type, number: fields.integer() };
  }
}

const integer = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};
const sized = (value: Uint8Array): Uint8Array => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(value.length);
  return Buffer.concat([length, value]);
};
const text = (value: string): Uint8Array => sized(Buffer.from(value));

/** A view that is no Buffer, whose `slice` would be one too. */
const plain = ({ buffer, byteOffset, length }: Buffer) => new Uint8Array(buffer, byteOffset, length);

/** Reads fields one after the other. @throws RangeError for what is not there, or no such field */
class Fields {
  readonly #body: Buffer;
  #at = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  get rest(): number {
    return this.#body.length - this.#at;
  }

  byte(): number {
    return this.bytes(1)[0] as number;
  }

  integer(): number {
    const value = Number(this.bytes(8).readBigUInt64BE());
    if (!Number.isSafeInteger(value)) throw new RangeError('no such number');
    return value;
  }

  sized(): Buffer {
    return this.bytes(this.bytes(2).readUInt16BE());
  }

  text(): string {
    return this.sized().toString();
  }

  /** A path that stays in the target. */
  place(): string {
    const place = this.text();
    const isWithin = place.split('/').every((name) => name !== '' && name !== '.' && name !== '..');
    if (!isWithin || place.includes('\0')) throw new RangeError('no place in the target');
    return place;
  }

  bytes(lengthBytes: number): Buffer {
    if (lengthBytes > this.rest) throw new RangeError('the record is too short');
    this.#at += lengthBytes;
    return this.#body.subarray(this.#at - lengthBytes, this.#at);
  }
}
