/** Chance that a seed repeats: every simulation of the same scenario runs the same way. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A whole number from 0 to below `bound`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** One of the items, which must not be none. */
  oneOf<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** Removes one item; the order of the others is not kept. */
  takeOne<T>(items: T[]): T {
    const at = this.below(items.length);
    const taken = items[at] as T;
    items[at] = items.at(-1) as T;
    items.pop();
    return taken;
  }
}
