import type { EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import type { ChosenEntry, DeliveryNames, HeldFile, SavedEntry } from '#transport/sink.ts';
import { EXPORT_GRACE_MS } from '../limits.ts';
import { contentOf } from './delivery-files.ts';
import { readJournal } from './journal.ts';
import { type Layout, layOut } from './layout.ts';
import { OpfsWriter } from './opfs-writer.ts';
import type { Download, PageSink, Save } from './page-sink.ts';
import { removeLeftovers, TransferPlace } from './transfer-place.ts';

/** Gathers a delivery of any size in the origin private file system, through a worker. */
export class OpfsSink implements PageSink {
  readonly #save: Save;
  #layout: Layout | null = null;
  #place: TransferPlace | null = null;
  #writer: OpfsWriter | null = null;
  /** Whether there is anything that another run could go on with. */
  #holdsAny = false;
  readonly #committed = new Set<EntryId>();
  /** One for each time that it was handed over. */
  readonly #letGo: (() => void)[] = [];
  readonly survivesReload = true;
  download: Download | null = null;

  constructor(save: Save) {
    this.#save = save;
  }

  hasCommitted(entry: EntryId): boolean {
    return this.#committed.has(entry);
  }

  get hasWholeFiles(): boolean {
    return this.#writer !== null && this.#layout?.plan.isWorthSaving([...this.#committed]) === true;
  }

  async open(
    chosen: readonly ChosenEntry[],
    { shareId, deliveryId }: DeliveryNames,
  ): Promise<readonly HeldFile[]> {
    const place = await TransferPlace.take(shareId).catch((cause: unknown) => {
      if (cause instanceof TransferError) throw cause;
      throw new TransferError('sink-failed', 'no origin private file system', { cause });
    });
    this.#place = place;
    // Without it another run is another delivery to the sender, and goes on all the same.
    await place.assign(deliveryId).catch(() => undefined);
    const layout = layOut(readJournal(await place.journal()), chosen, Date.now());
    this.#layout = layout;
    this.#writer = new OpfsWriter();
    this.#holdsAny = layout.held.length > 0;
    const { items, numbers, journal } = layout;
    const call = { type: 'open', placeId: place.id, layout: { items, numbers, journal } } as const;
    await this.#writer.call(call).catch(async (error: unknown) => {
      if (!(error instanceof TransferError) || error.code !== 'disk-full') throw error;
      // What other deliveries hold for another day makes way for the one of today.
      await removeLeftovers(Date.now(), 0);
      await this.#writer?.call(call);
    });
    return layout.held;
  }

  async read(entry: EntryId, offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#writer === null) throw new TransferError('sink-failed', 'nothing is open');
    return this.#writer.read(entry, offset, lengthBytes);
  }

  async write(
    entry: EntryId,
    offset: number,
    bytes: Uint8Array<ArrayBuffer>,
    leaf: Uint8Array,
  ): Promise<void> {
    // A view of a larger buffer is copied: transferring would take the rest of it away from its owner.
    const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
    await this.#writer?.call({ type: 'write', entry, offset, bytes: whole, leaf });
    this.#holdsAny = true;
  }

  async commit(entry: EntryId, _root: Uint8Array): Promise<void> {
    await this.#writer?.call({ type: 'commit', entry });
    this.#committed.add(entry);
  }

  async discard(entry: EntryId): Promise<void> {
    await this.#writer?.call({ type: 'discard', entry });
    this.#committed.delete(entry);
  }

  async finish(): Promise<readonly SavedEntry[]> {
    const saved = await this.#close();
    await this.save();
    return saved;
  }

  /** Stays open, so that what is whole can still be handed over. */
  async suspend(): Promise<void> {
    await this.#writer?.call({ type: 'flush' });
  }

  async abort(): Promise<void> {
    // What cannot be kept is given up: the transfer has failed already, and for its own reason.
    await this.#close().catch(() => []);
    if (this.download === null) await this.forget();
  }

  async save(): Promise<void> {
    // Without its mark it is the next page's to remove, a little early perhaps: no reason not to hand it over.
    if (this.download !== null) await this.#place?.markExported().catch(() => undefined);
    if (this.download === null) return;
    this.#letGo.push(this.#save(this.download));
  }

  async release(): Promise<void> {
    if (this.#letGo.length > 0) setTimeout(() => void this.#free(false), EXPORT_GRACE_MS);
    else await this.#free(this.#holdsAny && this.#writer !== null);
  }

  async forget(): Promise<void> {
    if (this.#letGo.length > 0) await this.release();
    else await this.#free(false);
  }

  async #free(keeps: boolean): Promise<void> {
    for (const letGo of this.#letGo.splice(0)) letGo();
    const [writer, place] = [this.#writer, this.#place];
    this.#writer = null;
    this.#place = null;
    this.download = null;
    // Nothing can be removed while its handle is open. What fails here is a leftover for the next page.
    await writer?.call({ type: 'close' }).catch(() => undefined);
    writer?.end();
    if (keeps) place?.leave();
    else await place?.remove().catch(() => undefined);
  }

  async #close(): Promise<readonly SavedEntry[]> {
    const [layout, place, writer] = [this.#layout, this.#place, this.#writer];
    if (layout === null || place === null || writer === null) return [];
    const { plan } = layout;
    const { held } = await writer.call({ type: 'finish', isArchive: plan.isArchive });
    // Whoever left meanwhile has it removed, or kept for another run.
    if (this.#writer !== writer) return [];
    writer.end();
    this.#writer = null;
    if (plan.isWorthSaving(held))
      this.download = { fileName: plan.fileName, content: contentOf(await place.body(), layout) };
    return plan.saved(held);
  }
}
