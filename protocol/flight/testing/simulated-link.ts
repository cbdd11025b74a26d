import type { SeededRandom } from '../../testing/seeded-random.ts';
import type { SimulatedClock } from './simulated-clock.ts';

/** A bottleneck and what lies before and behind it. May be changed at any time. */
export interface LinkShape {
  bytesPerSecond: number;
  /** There and back, with an empty queue. */
  rttMs: number;
  /** What the queue before the bottleneck holds before it drops. */
  queueBytes: number;
  /** Lost by chance, of what the queue took. */
  lossPercent: number;
}

/** One bottleneck: a drop-tail queue, a rate, a delay, loss by chance. Nothing overtakes. */
export class SimulatedLink {
  readonly shape: LinkShape;
  carriedBytes = 0;
  dropped = 0;
  readonly #clock: SimulatedClock;
  readonly #random: SeededRandom;
  #freeAtMs = 0;
  #lastArrivalMs = 0;
  #lastAnswerMs = 0;

  constructor(shape: LinkShape, clock: SimulatedClock, random: SeededRandom) {
    this.shape = shape;
    this.#clock = clock;
    this.#random = random;
  }

  /** How long a packet that comes now would wait. */
  get queueMs(): number {
    return Math.max(0, this.#freeAtMs - this.#clock.nowMs);
  }

  send(bytes: number, arrive: () => void): void {
    const { bytesPerSecond, queueBytes, lossPercent, rttMs } = this.shape;
    if ((this.queueMs * bytesPerSecond) / 1000 + bytes > queueBytes) {
      this.dropped += 1;
      return;
    }
    this.#freeAtMs = this.#clock.nowMs + this.queueMs + (bytes * 1000) / bytesPerSecond;
    if (lossPercent > 0 && this.#random.below(1_000_000) < lossPercent * 10_000) return;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, this.#freeAtMs + rttMs / 2);
    this.#clock.at(this.#lastArrivalMs, () => {
      this.carriedBytes += bytes;
      arrive();
    });
  }

  /** The way back: never full, never lossy. */
  answer(arrive: () => void): void {
    this.#lastAnswerMs = Math.max(this.#lastAnswerMs, this.#clock.nowMs + this.shape.rttMs / 2);
    this.#clock.at(this.#lastAnswerMs, arrive);
  }
}
