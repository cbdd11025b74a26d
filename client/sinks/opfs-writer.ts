import type { EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import type { OpfsAnswer, OpfsCall } from './opfs-calls.ts';

type Answered = Extract<OpfsAnswer, { ok: true }>;

/** Bytes of calls that go to the worker together: a block goes by itself, small files share. */
const BATCH_BYTES = BLOCK_BYTES;

interface Waiting {
  readonly resolve: (answer: Answered) => void;
  readonly reject: (error: TransferError) => void;
}

/**
 * The page's end of the worker: calls in order, answers in the same order. What is called while the worker is at work waits
 * and goes in one message, up to a block.
 */
export class OpfsWriter {
  readonly #worker = new Worker(new URL('./opfs-sink.worker.ts', import.meta.url), { type: 'module' });
  readonly #waiting: Waiting[] = [];
  /** Batches that the worker has not answered. */
  #sent = 0;
  #gathered: OpfsCall[] = [];
  #gatheredBytes = 0;
  #dead: TransferError | null = null;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<readonly OpfsAnswer[]>) => {
      this.#sent -= 1;
      if (this.#gathered.length > 0) this.#send();
      for (const answer of data) {
        const waiting = this.#waiting.shift();
        if (answer.ok) waiting?.resolve(answer);
        else waiting?.reject(new TransferError(answer.code, answer.detail));
      }
    };
    this.#worker.onerror = ({ message }) => this.#die(new TransferError('sink-failed', message));
  }

  /** The bytes of a write are given away. */
  call(call: OpfsCall): Promise<Answered> {
    if (this.#dead !== null) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#gathered.push(call);
      this.#gatheredBytes += call.type === 'write' ? call.bytes.length : 0;
      if (this.#sent === 0 || this.#gatheredBytes >= BATCH_BYTES) this.#send();
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

  #send(): void {
    const calls = this.#gathered;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#sent += 1;
    const given = calls.flatMap((call) => (call.type === 'write' ? call.bytes.buffer : []));
    this.#worker.postMessage(calls, given);
  }

  #die(error: TransferError): void {
    this.#dead ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
