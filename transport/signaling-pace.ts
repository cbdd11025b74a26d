import { RELAY_BURST, RELAYS_PER_SECOND } from '#protocol/signaling.ts';

const INTERVAL_MS = 1000 / RELAYS_PER_SECOND;

/** Lets relays through in order and no faster than the server takes them. */
export class Pace {
  #last: Promise<void> = Promise.resolve();
  /** When the next would go if nothing had been saved up; trails the clock by what has been. */
  #dueMs = Number.NEGATIVE_INFINITY;

  /** Resolves when its caller may send. */
  turn(): Promise<void> {
    this.#last = this.#last.then(async () => {
      const nowMs = performance.now();
      this.#dueMs = Math.max(this.#dueMs, nowMs - RELAY_BURST * INTERVAL_MS) + INTERVAL_MS;
      const waitMs = this.#dueMs - nowMs;
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    });
    return this.#last;
  }
}
