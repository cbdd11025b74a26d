import type { EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import type { ChosenEntry, DeliveryNames, HeldFile, SavedEntry } from '#transport/sink.ts';
import { EXPORT_GRACE_MS } from '../limits.ts';
import { contentOf, DeliveryFiles } from './delivery-files.ts';
import { readJournal } from './journal.ts';
import { type Layout, layOut } from './layout.ts';
import { MemoryFile } from './memory-file.ts';
import type { MemoryShelf, ShelvedDelivery } from './memory-shelf.ts';
import type { Download, PageSink, Save } from './page-sink.ts';

/** Gathers a small delivery in memory. */
export class BlobSink implements PageSink {
  readonly #save: Save;
  readonly #shelf: MemoryShelf;
  #shareId = '';
  #memory: ShelvedDelivery | null = null;
  #layout: Layout | null = null;
  #files: DeliveryFiles | null = null;
  /** Whether there is anything that another run could go on with. */
  #holdsAny = false;
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
    return this.#files !== null && this.#layout?.plan.isWorthSaving([...this.#committed]) === true;
  }

  async open(
    chosen: readonly ChosenEntry[],
    { shareId, deliveryId }: DeliveryNames,
  ): Promise<readonly HeldFile[]> {
    this.#shareId = shareId;
    const { body, journal } = this.#shelf.get(shareId) ?? {
      body: new MemoryFile(),
      journal: new MemoryFile(),
    };
    this.#shelf.delete(shareId);
    this.#memory = { body, journal, deliveryId };
    this.#layout = layOut(readJournal(journal.bytes()), chosen, Date.now());
    this.#files = new DeliveryFiles(body, journal, this.#layout);
    this.#holdsAny = this.#layout.held.length > 0;
    return this.#layout.held;
  }

  async read(entry: EntryId, offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#files === null) throw new TransferError('sink-failed', 'nothing is open');
    return this.#files.read(entry, offset, lengthBytes);
  }

  async write(
    entry: EntryId,
    offset: number,
    bytes: Uint8Array<ArrayBuffer>,
    leaf: Uint8Array,
  ): Promise<void> {
    this.#files?.write(entry, offset, bytes, leaf);
    this.#files?.note();
    this.#holdsAny = true;
  }

  async commit(entry: EntryId, _root: Uint8Array): Promise<void> {
    this.#files?.commit(entry);
    this.#committed.add(entry);
  }

  async discard(entry: EntryId): Promise<void> {
    this.#files?.discard(entry);
    this.#files?.note();
    this.#committed.delete(entry);
  }

  async finish(): Promise<readonly SavedEntry[]> {
    const saved = this.#close();
    await this.save();
    return saved;
  }

  /** For as long as the page lives: memory is all there is. */
  async suspend(): Promise<void> {
    if (this.#files !== null && this.#memory !== null && this.#holdsAny)
      this.#shelf.set(this.#shareId, this.#memory);
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
    this.#memory = null;
    this.#files = null;
    this.download = null;
  }

  #close(): readonly SavedEntry[] {
    const [layout, memory, files] = [this.#layout, this.#memory, this.#files];
    if (layout === null || memory === null || files === null) return [];
    this.#files = null;
    const { plan } = layout;
    const held = files.finish(plan.isArchive);
    if (plan.isWorthSaving(held))
      this.download = {
        fileName: plan.fileName,
        content: contentOf(new Blob([memory.body.bytes()]), layout),
      };
    return plan.saved(held);
  }
}
