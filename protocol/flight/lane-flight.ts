import { ProtocolViolation } from '../errors.ts';
import { MIN_LANE_SAMPLE_MS } from './limits.ts';

/** The mean of what was measured, recent values counting most. */
export const smoothed = (mean: number | null, value: number): number =>
  mean === null ? value : mean + (value - mean) / 4;

/** What one lane has on its way: frames sent and not yet reported, the oldest first. */
export class LaneFlight {
  /** What is in flight over all lanes lasts so long at least while this is one of them. */
  readonly leastMs: number;
  sentBytes = 0;
  receivedBytes = 0;
  /** What the lane delivers while it has something to deliver, smoothed. Null until known. */
  bytesPerSecond: number | null = null;
  /** The round trip of a frame, smoothed. Null until known. */
  rttMs: number | null = null;
  /** Whether this lane tells what waits in it for its window: browsers do. */
  tellsQueue = false;
  #queuedBytes = 0;
  readonly #frames: { endBytes: number; sentAtMs: number }[] = [];
  #sample = { fromMs: 0, fromBytes: 0 };

  constructor(leastMs: number) {
    this.leastMs = leastMs;
  }

  get inFlightBytes(): number {
    return this.sentBytes - this.receivedBytes;
  }

  /** Handed to the lane and not sent by it yet. */
  get queuedBytes(): number {
    return Math.min(this.#queuedBytes, this.inFlightBytes);
  }

  /** So much waits in the lane now. */
  queued(bytes: number): void {
    this.#queuedBytes = bytes;
    this.tellsQueue = true;
  }

  /** How long the oldest frame has been out. */
  oldestAgeMs(nowMs: number): number {
    return nowMs - (this.#frames[0]?.sentAtMs ?? nowMs);
  }

  sent(bytes: number, nowMs: number): void {
    if (this.inFlightBytes === 0) this.#sample = { fromMs: nowMs, fromBytes: this.receivedBytes };
    this.sentBytes += bytes;
    this.#frames.push({ endBytes: this.sentBytes, sentAtMs: nowMs });
  }

  /**
   * @returns when the last frame that is now received whole was sent; null where there is none
   * @throws ProtocolViolation for a number that goes back, or beyond what was sent
   */
  received(totalBytes: number, nowMs: number): number | null {
    if (!Number.isSafeInteger(totalBytes) || totalBytes < this.receivedBytes || totalBytes > this.sentBytes)
      throw new ProtocolViolation('a receipt of less than before, or of more than was sent');
    this.receivedBytes = totalBytes;
    let sentAtMs: number | null = null;
    while ((this.#frames[0]?.endBytes ?? Number.POSITIVE_INFINITY) <= totalBytes)
      sentAtMs = this.#frames.shift()?.sentAtMs ?? null;
    if (sentAtMs === null) return null;
    this.rttMs = smoothed(this.rttMs, nowMs - sentAtMs);
    if (sentAtMs >= this.#sample.fromMs) this.#measure(nowMs);
    return sentAtMs;
  }

  #measure(nowMs: number): void {
    const { fromMs, fromBytes } = this.#sample;
    if (nowMs - fromMs < MIN_LANE_SAMPLE_MS) return;
    const rate = ((this.receivedBytes - fromBytes) * 1000) / (nowMs - fromMs);
    this.bytesPerSecond = smoothed(this.bytesPerSecond, rate);
    this.#sample = { fromMs: nowMs, fromBytes: this.receivedBytes };
  }
}
