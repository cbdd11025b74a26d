import type { Entry, EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import type { FileSource } from '../file-source.ts';
import type { ChosenEntry, DeliveryNames, HeldFile, SavedEntry, Sink } from '../sink.ts';

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
    // Not `slice`: a Buffer's copies nothing.
    return new Uint8Array(content.subarray(offset, offset + lengthBytes));
  }

  /** Whoever still needs it finds that it is not what it was. */
  recycle(bytes: Uint8Array<ArrayBuffer>): void {
    bytes.fill(0xee);
  }

  async confirmUnchanged(): Promise<number | null> {
    return null;
  }

  async close(): Promise<void> {}
}

/** What lies on a disk in memory, and outlives the sinks that wrote it. */
export class MemoryDisk {
  /** By path: what has its final name. */
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  /** By share and path: what is being received. */
  readonly partials = new Map<
    string,
    { content: Uint8Array<ArrayBuffer>; leaves: Map<number, Uint8Array> }
  >();
  /** By share and path: the leaves of what it committed. */
  readonly committed = new Map<string, Map<number, Uint8Array>>();
}

/** A sink that keeps everything in memory. */
export class MemorySink implements Sink {
  readonly #disk: MemoryDisk;
  readonly #open = new Map<EntryId, string>();
  readonly #saved = new Map<EntryId, SavedEntry>();
  #shareId = '';

  constructor(disk = new MemoryDisk()) {
    this.#disk = disk;
  }

  get files(): ReadonlyMap<string, Uint8Array<ArrayBuffer>> {
    return this.#disk.files;
  }

  async open(chosen: readonly ChosenEntry[], { shareId }: DeliveryNames): Promise<readonly HeldFile[]> {
    this.#shareId = shareId;
    const held: HeldFile[] = [];
    for (const { id, entry } of chosen) {
      if (entry.kind !== 'file') continue;
      this.#open.set(id, entry.path);
      const key = this.#key(entry.path);
      const [committed, partial] = [this.#disk.committed.get(key), this.#disk.partials.get(key)];
      const resized = (content?: Uint8Array) => content !== undefined && content.length !== entry.sizeBytes;
      if (committed && !resized(this.files.get(entry.path))) {
        this.#saved.set(id, { id, savedAs: entry.path });
        held.push({ id, committed: true, leaves: new Map(committed), resized: false });
      } else if (partial && !resized(partial.content)) {
        if (partial.leaves.size > 0)
          held.push({ id, committed: false, leaves: new Map(partial.leaves), resized: false });
      } else {
        if (committed || partial) held.push({ id, committed: false, leaves: new Map(), resized: true });
        this.#disk.committed.delete(key);
        this.#disk.partials.set(key, { content: new Uint8Array(entry.sizeBytes), leaves: new Map() });
      }
    }
    return held;
  }

  async read(entry: EntryId, offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const path = this.#open.get(entry) ?? '';
    const whole = this.#saved.has(entry) ? this.files.get(path) : this.#partial(entry)?.content;
    const content = whole?.slice(offset, offset + lengthBytes);
    if (content?.length !== lengthBytes) throw new TransferError('sink-failed');
    return content;
  }

  async write(
    entry: EntryId,
    offset: number,
    bytes: Uint8Array<ArrayBuffer>,
    leaf: Uint8Array,
  ): Promise<void> {
    const partial = this.#partial(entry);
    partial?.content.set(bytes, offset);
    partial?.leaves.set(offset / BLOCK_BYTES, leaf);
  }

  reopen(entry: EntryId): void {
    const path = this.#open.get(entry) ?? '';
    const [content, leaves] = [this.files.get(path), this.#disk.committed.get(this.#key(path))];
    if (!content || !leaves) throw new TransferError('sink-failed');
    this.#disk.partials.set(this.#key(path), { content: content.slice(), leaves });
    this.#disk.committed.delete(this.#key(path));
    this.#saved.delete(entry);
  }

  async commit(entry: EntryId): Promise<void> {
    const [path, partial] = [this.#open.get(entry), this.#partial(entry)];
    if (path === undefined || !partial) return;
    this.#disk.files.set(path, partial.content);
    this.#disk.partials.delete(this.#key(path));
    this.#disk.committed.set(this.#key(path), partial.leaves);
    this.#saved.set(entry, { id: entry, savedAs: path });
  }

  async discard(entry: EntryId): Promise<void> {
    const path = this.#open.get(entry);
    if (path !== undefined) this.#disk.partials.delete(this.#key(path));
    this.#open.delete(entry);
  }

  async finish(): Promise<readonly SavedEntry[]> {
    return [...this.#saved.values()];
  }

  async suspend(): Promise<void> {}

  async abort(): Promise<void> {
    for (const entry of [...this.#open.keys()]) await this.discard(entry);
  }

  #partial(entry: EntryId) {
    return this.#disk.partials.get(this.#key(this.#open.get(entry) ?? ''));
  }

  #key(path: string): string {
    return `${this.#shareId}/${path}`;
  }
}
