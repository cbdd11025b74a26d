/** How many pings may be unanswered at once: a lane is given up after fewer. */
const MAX_UNANSWERED = 64;

/** The session's pings: which are on their way, and how long an answer took. */
export class Pings {
  readonly #nowMs: () => number;
  readonly #sentMs = new Map<number, number>();
  #token = 0;

  /** @param nowMs monotonic */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The token of a ping that leaves now. */
  send(): number {
    this.#token = (this.#token + 1) % 2 ** 32;
    this.#sentMs.set(this.#token, this.#nowMs());
    const [oldest] = this.#sentMs.keys();
    if (this.#sentMs.size > MAX_UNANSWERED && oldest !== undefined) this.#sentMs.delete(oldest);
    return this.#token;
  }

  /** @returns the round trip in milliseconds, queues included; null for a token that is not on its way */
  answered(token: number): number | null {
    const sentMs = this.#sentMs.get(token);
    if (sentMs === undefined) return null;
    this.#sentMs.delete(token);
    return this.#nowMs() - sentMs;
  }
}
