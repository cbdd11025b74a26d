import type { EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import type { ChosenEntry, HeldFile, SavedEntry } from '#transport/sink.ts';
import { EXPORT_GRACE_MS } from '../limits.ts';
import { createContainer } from './choose-container.ts';
import type { Container } from './container.ts';
import { DeliveryPlan } from './delivery-plan.ts';
import { laidOutAs, newLayout, resumedLayout } from './layout.ts';
import { MemoryFile } from './memory-file.ts';
import type { MemoryShelf } from './memory-shelf.ts';
import type { Download, PageSink, Save } from './page-sink.ts';

/** Gathers a small delivery in memory. */
export class BlobSink implements PageSink {
  readonly #save: Save;
  readonly #shelf: MemoryShelf;
  #shareId = '';
  #file = new MemoryFile();
  #plan: DeliveryPlan | null = null;
  #container: Container | null = null;
  /** By entry and index, what is written. */
  readonly #leaves = new Map<EntryId, Map<number, Uint8Array>>();
  readonly #committed = new Set<EntryId>();
  /** One for each time that it was handed over. */
  readonly #letGo: (() => void)[] = [];
  readonly survivesReload = false;
  download: Download | null = null;

  constructor(save: Save, shelf: MemoryShelf) {
    this.#save = save;
    this.#shelf = shelf;
  }

  hasCommitted(entry: EntryId): boolean {
    return this.#committed.has(entry);
  }

  get hasWholeFiles(): boolean {
    return this.#container !== null && this.#plan?.isWorthSaving([...this.#committed]) === true;
  }

  async open(chosen: readonly ChosenEntry[], shareId: string): Promise<readonly HeldFile[]> {
    this.#shareId = shareId;
    const shelved = this.#shelf.get(shareId);
    this.#shelf.delete(shareId);
    const resumed = shelved === undefined ? null : resumedLayout(shelved.journal, chosen);
    if (resumed !== null && shelved !== undefined) this.#file = shelved.file;
    const { entries, gaps, held } = resumed ?? newLayout(chosen);
    for (const file of held) if (!file.committed) this.#leaves.set(file.id, new Map(file.leaves));
    this.#plan = new DeliveryPlan(entries, Date.now());
    this.#container = createContainer(this.#file, this.#plan.items);
    for (const entry of gaps) this.#container.discard(entry);
    return held;
  }

  async read(entry: EntryId, offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#container === null) throw new TransferError('sink-failed', 'nothing is open');
    return this.#container.read(entry, offset, lengthBytes);
  }

  async write(
    entry: EntryId,
    offset: number,
    bytes: Uint8Array<ArrayBuffer>,
    leaf: Uint8Array,
  ): Promise<void> {
    this.#container?.write(entry, offset, bytes);
    const leaves = this.#leaves.get(entry) ?? new Map<number, Uint8Array>();
    this.#leaves.set(entry, leaves.set(offset / BLOCK_BYTES, leaf));
  }

  async commit(entry: EntryId, _root: Uint8Array): Promise<void> {
    this.#container?.commit(entry);
    this.#committed.add(entry);
  }

  async discard(entry: EntryId): Promise<void> {
    this.#container?.discard(entry);
    this.#committed.delete(entry);
    this.#leaves.delete(entry);
  }

  async finish(): Promise<readonly SavedEntry[]> {
    const saved = this.#close();
    await this.save();
    return saved;
  }

  /** For as long as the page lives: memory is all there is. */
  async suspend(): Promise<void> {
    if (this.#container === null || this.#plan === null || this.#leaves.size === 0) return;
    const { entries } = this.#plan;
    const leaves = new Map(
      entries.flatMap(({ id }, number) => {
        const ofFile = this.#leaves.get(id);
        return ofFile === undefined ? [] : [[number, ofFile] as const];
      }),
    );
    const laidOut = entries.map(({ entry }) => laidOutAs(entry));
    const journal = { laidOut, leaves, givenUp: new Set<number>(), lengthBytes: 0 };
    this.#shelf.set(this.#shareId, { file: this.#file, journal });
  }

  async abort(): Promise<void> {
    this.#shelf.delete(this.#shareId);
    this.#close();
  }

  async save(): Promise<void> {
    if (this.download !== null) this.#letGo.push(this.#save(this.download));
  }

  async release(): Promise<void> {
    await this.suspend();
    this.#free();
  }

  async forget(): Promise<void> {
    this.#shelf.delete(this.#shareId);
    this.#free();
  }

  #free(): void {
    // The Blob holds the memory as long as the browser can reach it.
    for (const letGo of this.#letGo.splice(0)) setTimeout(letGo, EXPORT_GRACE_MS);
    this.#file = new MemoryFile();
    this.#container = null;
    this.download = null;
  }

  #close(): readonly SavedEntry[] {
    if (this.#plan === null || this.#container === null) return [];
    const container = this.#container;
    this.#container = null;
    const held = container.finish();
    if (this.#plan.isWorthSaving(held)) {
      const content = new Blob([this.#file.bytes()], { type: this.#plan.mediaType });
      this.download = { fileName: this.#plan.fileName, content };
    }
    return this.#plan.saved(held);
  }
}
