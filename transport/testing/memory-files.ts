import type { Entry, EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import type { FileSource } from '../file-source.ts';
import type { ChosenEntry, SavedEntry, Sink } from '../sink.ts';

/** A source of files that are in memory. */
export class MemorySource implements FileSource {
  readonly entries: readonly Entry[];
  readonly #contents: readonly Uint8Array[];

  constructor(files: readonly { readonly path: string; readonly content: Uint8Array }[]) {
    this.entries = files.map(({ path, content }) => ({ kind: 'file', path, sizeBytes: content.length }));
    this.#contents = files.map(({ content }) => content);
  }

  async read(entry: EntryId, offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const content = this.#contents[entry];
    if (!content) throw new TransferError('source-unreadable');
    if (offset + lengthBytes > content.length) throw new TransferError('source-changed');
    return content.slice(offset, offset + lengthBytes) as Uint8Array<ArrayBuffer>;
  }

  async confirmUnchanged(): Promise<void> {}

  async close(): Promise<void> {}
}

/** A sink that keeps everything in memory. */
export class MemorySink implements Sink {
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #open = new Map<EntryId, { path: string; content: Uint8Array<ArrayBuffer> }>();
  readonly #saved: SavedEntry[] = [];

  async open(chosen: readonly ChosenEntry[]): Promise<void> {
    for (const { id, entry } of chosen) {
      if (entry.kind === 'file')
        this.#open.set(id, { path: entry.path, content: new Uint8Array(entry.sizeBytes) });
    }
  }

  async write(entry: EntryId, offset: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#open.get(entry)?.content.set(bytes, offset);
  }

  async commit(entry: EntryId): Promise<void> {
    const file = this.#open.get(entry);
    if (!file) return;
    this.files.set(file.path, file.content);
    this.#saved.push({ id: entry, savedAs: file.path });
  }

  async discard(entry: EntryId): Promise<void> {
    this.#open.delete(entry);
  }

  async finish(): Promise<readonly SavedEntry[]> {
    return this.#saved;
  }

  async abort(): Promise<void> {
    this.#open.clear();
  }
}
