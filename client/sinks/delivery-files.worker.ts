import type { EntryId } from '#protocol/entry.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { createContainer } from './choose-container.ts';
import type { Container } from './container.ts';
import { blockRecord, givenUpRecord } from './journal.ts';
import type { OpfsCall } from './opfs-calls.ts';
import { OpfsFile } from './opfs-file.worker.ts';
import { filesOf } from './transfer-place.ts';

/** The two files of a delivery, its container and its journal, opened by one worker and by nobody else. */
export class DeliveryFiles {
  readonly #body: OpfsFile;
  readonly #journal: OpfsFile;
  readonly #container: Container;
  /** By id, an entry's number in the journal. */
  readonly #numbers: ReadonlyMap<EntryId, number>;
  #journalBytes: number;

  static async open({ placeId, items, journal }: OpfsCall & { type: 'open' }): Promise<DeliveryFiles> {
    const handles = await filesOf(placeId);
    const body = await OpfsFile.open(handles.body);
    const journalFile = await OpfsFile.open(handles.journal).catch((error: unknown) => {
      body.close();
      throw error;
    });
    try {
      // First, so that no journal ever speaks of a container that is laid out otherwise.
      journalFile.truncate(journal.keepBytes);
      const container = createContainer(body, items);
      journalFile.write(journal.append, journal.keepBytes);
      const numbers = new Map(items.map(({ id }, number) => [id, number]));
      return new DeliveryFiles(
        body,
        journalFile,
        container,
        numbers,
        journal.keepBytes + journal.append.length,
      );
    } catch (error) {
      body.close();
      journalFile.close();
      throw error;
    }
  }

  private constructor(
    body: OpfsFile,
    journal: OpfsFile,
    container: Container,
    numbers: ReadonlyMap<EntryId, number>,
    journalBytes: number,
  ) {
    this.#body = body;
    this.#journal = journal;
    this.#container = container;
    this.#numbers = numbers;
    this.#journalBytes = journalBytes;
  }

  read(entry: EntryId, offset: number, lengthBytes: number): Uint8Array<ArrayBuffer> {
    return this.#container.read(entry, offset, lengthBytes);
  }

  write(entry: EntryId, offset: number, bytes: Uint8Array<ArrayBuffer>, leaf: Uint8Array): void {
    this.#container.write(entry, offset, bytes);
    this.#note(blockRecord(this.#number(entry), offset / BLOCK_BYTES, leaf));
  }

  commit(entry: EntryId): void {
    this.#container.commit(entry);
  }

  discard(entry: EntryId): void {
    this.#container.discard(entry);
    this.#note(givenUpRecord(this.#number(entry)));
  }

  /** Leaves a gap, for this run alone. */
  leaveOut(entry: EntryId): void {
    this.#container.discard(entry);
  }

  flush(): void {
    this.#body.flush();
    this.#journal.flush();
  }

  /** Closes the archive. Once: closing gaps moves what follows. */
  finish(): readonly EntryId[] {
    return this.#container.finish();
  }

  close(): void {
    this.#body.close();
    this.#journal.close();
  }

  #number(entry: EntryId): number {
    const number = this.#numbers.get(entry);
    if (number === undefined) throw new Error(`entry ${entry} has no place`);
    return number;
  }

  #note(record: Uint8Array<ArrayBuffer>): void {
    this.#journal.write(record, this.#journalBytes);
    this.#journalBytes += record.length;
  }
}
