export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Holds up to `burst` tokens and gains `perSecond` of them. Time enters as an argument, in monotonic milliseconds. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #countedMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#countedMs = nowMs;
  }

  /** Takes one token, if there is one. */
  take(nowMs: number): boolean {
    const gained = ((nowMs - this.#countedMs) / 1000) * this.#rate.perSecond;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + gained);
    this.#countedMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Takes `cost` tokens or what is left of them. */
  drain(cost: number): void {
    this.#tokens = Math.max(0, this.#tokens - cost);
  }
}

/** A bucket for every key, of which the `maxEntries` seen last are remembered. */
export class RateTable {
  readonly #rate: Rate;
  readonly #maxEntries: number;
  /** Ordered by last use: a Map keeps the order of insertion. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(rate: Rate, maxEntries: number) {
    this.#rate = rate;
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#buckets.size;
  }

  take(key: string, nowMs: number): boolean {
    return this.#bucket(key, nowMs).take(nowMs);
  }

  drain(key: string, cost: number, nowMs: number): void {
    this.#bucket(key, nowMs).drain(cost);
  }

  #bucket(key: string, nowMs: number): TokenBucket {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#rate, nowMs);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#maxEntries) {
      const [unseenLongest] = this.#buckets.keys();
      if (unseenLongest !== undefined) this.#buckets.delete(unseenLongest);
    }
    return bucket;
  }
}
