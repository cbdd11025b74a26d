import { TransferError } from '#protocol/errors.ts';
import { RELAY_BURST, RELAYS_PER_SECOND } from '#protocol/signaling.ts';
import { MAX_WAITING_RELAYS } from './limits.ts';

const INTERVAL_MS = 1000 / RELAYS_PER_SECOND;

/** Lets relays through in order and no faster than the server takes them. */
export class Pace {
  #last: Promise<void> = Promise.resolve();
  /** When the next would go if nothing had been saved up; trails the clock by what has been. */
  #dueMs = Number.NEGATIVE_INFINITY;
  #waiting = 0;

  /** Resolves when its caller may send. @throws TransferError `rate-limited` where too many wait already */
  turn(): Promise<void> {
    if (this.#waiting >= MAX_WAITING_RELAYS) return Promise.reject(new TransferError('rate-limited'));
    this.#waiting += 1;
    this.#last = this.#last.then(async () => {
      const nowMs = performance.now();
      this.#dueMs = Math.max(this.#dueMs, nowMs - RELAY_BURST * INTERVAL_MS) + INTERVAL_MS;
      const waitMs = this.#dueMs - nowMs;
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      this.#waiting -= 1;
    });
    return this.#last;
  }
}
