import { randomInt } from 'node:crypto';
import { MAX_SLOT, MIN_SLOT } from '#protocol/signaling.ts';

/** While fewer than half of these are taken, codes stay short. */
const MAX_SHORT_SLOT = 9999;

/** Gives out the numbers of code rooms: at random, and not again until one has rested. */
export class SlotPool {
  readonly #restMs: number;
  readonly #maxResting: number;
  readonly #open = new Set<number>();
  /** Slot and the end of its rest, in the order in which they were closed, which is that of their ends. */
  readonly #resting = new Map<number, number>();

  constructor(restMs: number, maxResting: number) {
    this.#restMs = restMs;
    this.#maxResting = maxResting;
  }

  open(nowMs: number): number {
    this.#wake(nowMs);
    const short = this.#open.size + this.#resting.size < (MAX_SHORT_SLOT - MIN_SLOT) / 2;
    const [least, most] = short ? [MIN_SLOT, MAX_SHORT_SLOT] : [MAX_SHORT_SLOT + 1, MAX_SLOT];
    let slot = randomInt(least, most + 1);
    while (this.#open.has(slot) || this.#resting.has(slot)) slot = randomInt(least, most + 1);
    this.#open.add(slot);
    return slot;
  }

  close(slot: number, nowMs: number): void {
    if (!this.#open.delete(slot)) return;
    this.#resting.set(slot, nowMs + this.#restMs);
    const [oldest] = this.#resting.keys();
    if (this.#resting.size > this.#maxResting && oldest !== undefined) this.#resting.delete(oldest);
  }

  /** Whether it was open within the rest time. */
  rests(slot: number, nowMs: number): boolean {
    this.#wake(nowMs);
    return this.#resting.has(slot);
  }

  #wake(nowMs: number): void {
    for (const [slot, untilMs] of this.#resting) {
      if (untilMs > nowMs) return;
      this.#resting.delete(slot);
    }
  }
}
