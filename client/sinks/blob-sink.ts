import type { EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import type { ChosenEntry, HeldFile, SavedEntry } from '#transport/sink.ts';
import { EXPORT_GRACE_MS } from '../limits.ts';
import { createContainer } from './choose-container.ts';
import type { Container } from './container.ts';
import { DeliveryPlan } from './delivery-plan.ts';
import { MemoryFile } from './memory-file.ts';
import type { Download, PageSink, Save } from './page-sink.ts';

/** Gathers a small delivery in memory. */
export class BlobSink implements PageSink {
  readonly #save: Save;
  #file = new MemoryFile();
  #plan: DeliveryPlan | null = null;
  #container: Container | null = null;
  /** One for each time that it was handed over. */
  readonly #letGo: (() => void)[] = [];
  download: Download | null = null;

  constructor(save: Save) {
    this.#save = save;
  }

  async open(chosen: readonly ChosenEntry[], _shareId: string): Promise<readonly HeldFile[]> {
    this.#plan = new DeliveryPlan(chosen, Date.now());
    this.#container = createContainer(this.#file, this.#plan.items);
    return [];
  }

  async write(
    entry: EntryId,
    offset: number,
    bytes: Uint8Array<ArrayBuffer>,
    _leaf: Uint8Array,
  ): Promise<void> {
    this.#container?.write(entry, offset, bytes);
  }

  async commit(entry: EntryId, _root: Uint8Array): Promise<void> {
    this.#container?.commit(entry);
  }

  async discard(entry: EntryId): Promise<void> {
    this.#container?.discard(entry);
  }

  async finish(): Promise<readonly SavedEntry[]> {
    const saved = this.#close();
    await this.save();
    return saved;
  }

  async read(): Promise<Uint8Array<ArrayBuffer>> {
    throw new TransferError('sink-failed', 'nothing is kept from earlier runs');
  }

  suspend(): Promise<void> {
    return this.abort();
  }

  async abort(): Promise<void> {
    this.#close();
  }

  async save(): Promise<void> {
    if (this.download !== null) this.#letGo.push(this.#save(this.download));
  }

  async release(): Promise<void> {
    // The Blob holds the memory as long as the browser can reach it.
    for (const letGo of this.#letGo.splice(0)) setTimeout(letGo, EXPORT_GRACE_MS);
    this.#file = new MemoryFile();
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
