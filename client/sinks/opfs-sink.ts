import type { EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import type { ChosenEntry, HeldFile, SavedEntry } from '#transport/sink.ts';
import { EXPORT_GRACE_MS } from '../limits.ts';
import { DeliveryPlan } from './delivery-plan.ts';
import type { OpfsAnswer, OpfsCall } from './opfs-calls.ts';
import type { Download, PageSink, Save } from './page-sink.ts';
import { TransferPlace } from './transfer-place.ts';

/** Gathers a delivery of any size in the origin private file system, through a worker. */
export class OpfsSink implements PageSink {
  readonly #save: Save;
  #plan: DeliveryPlan | null = null;
  #place: TransferPlace | null = null;
  #writer: OpfsWriter | null = null;
  /** One for each time that it was handed over. */
  readonly #letGo: (() => void)[] = [];
  download: Download | null = null;

  constructor(save: Save) {
    this.#save = save;
  }

  async open(chosen: readonly ChosenEntry[], _shareId: string): Promise<readonly HeldFile[]> {
    this.#plan = new DeliveryPlan(chosen, Date.now());
    this.#place = await TransferPlace.take().catch((cause: unknown) => {
      throw new TransferError('sink-failed', 'no origin private file system', { cause });
    });
    this.#writer = new OpfsWriter();
    await this.#writer.call({ type: 'open', transferId: this.#place.id, items: this.#plan.items });
    return [];
  }

  async write(
    entry: EntryId,
    offset: number,
    bytes: Uint8Array<ArrayBuffer>,
    _leaf: Uint8Array,
  ): Promise<void> {
    // A view of a larger buffer is copied: transferring would take the rest of it away from its owner.
    const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
    await this.#writer?.call({ type: 'write', entry, offset, bytes: whole }, [whole.buffer]);
  }

  async commit(entry: EntryId, _root: Uint8Array): Promise<void> {
    await this.#writer?.call({ type: 'commit', entry });
  }

  async discard(entry: EntryId): Promise<void> {
    await this.#writer?.call({ type: 'discard', entry });
  }

  async finish(): Promise<readonly SavedEntry[]> {
    const saved = await this.#close();
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
    // What cannot be kept is given up: the transfer has failed already, and for its own reason.
    await this.#close().catch(() => []);
    if (this.download === null) await this.release();
  }

  async save(): Promise<void> {
    // Without its mark it is the next page's to remove, a little early perhaps: no reason not to hand it over.
    if (this.download !== null) await this.#place?.markExported().catch(() => undefined);
    if (this.download === null) return;
    this.#letGo.push(this.#save(this.download));
  }

  async release(): Promise<void> {
    if (this.#letGo.length === 0) await this.#free();
    else setTimeout(() => void this.#free(), EXPORT_GRACE_MS);
  }

  async #free(): Promise<void> {
    for (const letGo of this.#letGo.splice(0)) letGo();
    const [writer, place] = [this.#writer, this.#place];
    this.#writer = null;
    this.#place = null;
    this.download = null;
    // Nothing can be removed while its handle is open. What fails here is a leftover for the next page.
    await writer?.call({ type: 'close' }).catch(() => undefined);
    writer?.end();
    await place?.release().catch(() => undefined);
  }

  async #close(): Promise<readonly SavedEntry[]> {
    if (this.#plan === null || this.#place === null || this.#writer === null) return [];
    const writer = this.#writer;
    const held = await writer.call({ type: 'finish' });
    // Whoever left meanwhile has it removed.
    if (this.#writer !== writer) return [];
    writer.end();
    this.#writer = null;
    if (this.#plan.isWorthSaving(held)) {
      const body = await this.#place.body();
      const content = body.slice(0, body.size, this.#plan.mediaType);
      this.download = { fileName: this.#plan.fileName, content };
    }
    return this.#plan.saved(held);
  }
}

interface Waiting {
  readonly resolve: (held: readonly EntryId[]) => void;
  readonly reject: (error: TransferError) => void;
}

/** The page's end of the worker: calls in order, answers in the same order. */
class OpfsWriter {
  readonly #worker = new Worker(new URL('./opfs-sink.worker.ts', import.meta.url), { type: 'module' });
  readonly #waiting: Waiting[] = [];
  #dead: TransferError | null = null;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<OpfsAnswer>) => {
      const waiting = this.#waiting.shift();
      if (data.ok) waiting?.resolve(data.held);
      else waiting?.reject(new TransferError(data.code, data.detail));
    };
    this.#worker.onerror = ({ message }) => this.#die(new TransferError('sink-failed', message));
  }

  call(call: OpfsCall, transfer: Transferable[] = []): Promise<readonly EntryId[]> {
    if (this.#dead !== null) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(call, transfer);
    });
  }

  end(): void {
    this.#worker.terminate();
    this.#die(new TransferError('cancelled'));
  }

  #die(error: TransferError): void {
    this.#dead = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
