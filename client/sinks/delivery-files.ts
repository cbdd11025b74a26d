import type { EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { localHeaderBytes } from '../zip/zip-records.ts';
import type { RandomAccessFile } from './container.ts';
import { blockRecord, givenUpRecord, joined } from './journal.ts';
import type { Layout } from './layout.ts';
import { StoredZip } from './stored-zip.ts';

/**
 * A delivery's container and the journal beside it: what is written to the one is then noted in the other, by `note`, in
 * one go for as much as was done meanwhile.
 */
export class DeliveryFiles {
  readonly #body: StoredZip;
  readonly #journal: RandomAccessFile;
  readonly #numbers: ReadonlyMap<EntryId, number>;
  #journalBytes: number;
  /** Notes of what was written, for the journal. */
  #notes: Uint8Array<ArrayBuffer>[] = [];

  constructor(
    body: RandomAccessFile,
    journal: RandomAccessFile,
    layout: Pick<Layout, 'items' | 'numbers' | 'journal'>,
  ) {
    const { keepBytes, append } = layout.journal;
    // First, so that no journal ever speaks of a container that is laid out otherwise.
    journal.truncate(keepBytes);
    this.#body = new StoredZip(body, layout.items);
    journal.write(append, keepBytes);
    this.#journal = journal;
    this.#journalBytes = keepBytes + append.length;
    this.#numbers = layout.numbers;
  }

  read(entry: EntryId, offset: number, lengthBytes: number): Uint8Array<ArrayBuffer> {
    return this.#body.read(entry, offset, lengthBytes);
  }

  write(entry: EntryId, offset: number, bytes: Uint8Array<ArrayBuffer>, leaf: Uint8Array): void {
    this.#body.write(entry, offset, bytes);
    this.#notes.push(blockRecord(this.#number(entry), offset / BLOCK_BYTES, leaf));
  }

  commit(entry: EntryId): void {
    this.#body.commit(entry);
  }

  discard(entry: EntryId): void {
    this.#body.discard(entry);
    this.#notes.push(givenUpRecord(this.#number(entry)));
  }

  /** Has the journal say what was done. Where that fails, all that was done since the last time is not known of. */
  note(): void {
    if (this.#notes.length === 0) return;
    const records = joined(this.#notes);
    this.#notes = [];
    this.#journal.write(records, this.#journalBytes);
    this.#journalBytes += records.length;
  }

  /** Returns what is committed. Once: closing an archive's gaps moves what follows. */
  finish(isArchive: boolean): readonly EntryId[] {
    return isArchive ? this.#body.finish() : this.#body.committed();
  }

  #number(entry: EntryId): number {
    const number = this.#numbers.get(entry);
    if (number === undefined) throw new TransferError('internal', `entry ${entry} has no place`);
    return number;
  }
}

/** What of the container is handed over: all of an archive, of anything else the only file. */
export function contentOf(body: Blob, { plan, items }: Layout): Blob {
  const [only] = items;
  if (plan.isArchive || only === undefined) return body.slice(0, body.size, plan.mediaType);
  const start = only.headerAt + localHeaderBytes(only);
  return body.slice(start, start + only.sizeBytes, plan.mediaType);
}
