import type { SealedPayload } from '#protocol/handshake/sealed-payload.ts';

/** An offer with fifteen candidates is about 4 KiB; a sealed message holds 15. */
const MAX_BATCH = 16;

/** Payloads said within one turn share a sealed message; before there is a session they wait for it. */
export class PayloadBatch {
  #waiting: SealedPayload[] = [];
  #send: ((payloads: readonly SealedPayload[]) => void) | null = null;
  #scheduled = false;

  add(payload: SealedPayload): void {
    this.#waiting.push(payload);
    if (!this.#send || this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#flush());
  }

  /** What waits, for a message that is about to leave. */
  take(): SealedPayload[] {
    return this.#waiting.splice(0, MAX_BATCH);
  }

  /** From now on payloads leave through `send`. */
  open(send: (payloads: readonly SealedPayload[]) => void): void {
    this.#send = send;
    if (this.#waiting.length > 0) this.#flush();
  }

  #flush(): void {
    this.#scheduled = false;
    while (this.#waiting.length > 0) this.#send?.(this.#waiting.splice(0, MAX_BATCH));
  }
}
