import type { EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import type { OpfsAnswer, OpfsCall } from './opfs-calls.ts';

type Answered = Extract<OpfsAnswer, { ok: true }>;

interface Waiting {
  readonly resolve: (answer: Answered) => void;
  readonly reject: (error: TransferError) => void;
}

/** The page's end of the worker: calls in order, answers in the same order. */
export class OpfsWriter {
  readonly #worker = new Worker(new URL('./opfs-sink.worker.ts', import.meta.url), { type: 'module' });
  readonly #waiting: Waiting[] = [];
  #dead: TransferError | null = null;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<OpfsAnswer>) => {
      const waiting = this.#waiting.shift();
      if (data.ok) waiting?.resolve(data);
      else waiting?.reject(new TransferError(data.code, data.detail));
    };
    this.#worker.onerror = ({ message }) => this.#die(new TransferError('sink-failed', message));
  }

  call(call: OpfsCall, transfer: Transferable[] = []): Promise<Answered> {
    if (this.#dead !== null) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(call, transfer);
    });
  }

  async read(entry: EntryId, offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const { bytes } = await this.call({ type: 'read', entry, offset, lengthBytes });
    if (bytes === null) throw new TransferError('internal', 'read without bytes');
    return bytes;
  }

  /** Also what a crash does to it: whatever was not carried out yet is not. */
  end(): void {
    this.#worker.terminate();
    this.#die(new TransferError('cancelled'));
  }

  #die(error: TransferError): void {
    this.#dead ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
