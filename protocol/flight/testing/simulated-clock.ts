interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

const before = (a: Due, b: Due): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

/** Time that passes only from one thing that is due to the next; what is due at once happens in the order asked for. */
export class SimulatedClock {
  nowMs = 0;
  #order = 0;
  /** A binary heap, the next thing due first. */
  readonly #due: Due[] = [];

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run);
  }

  at(atMs: number, run: () => void): void {
    this.#order += 1;
    const due = { atMs: Math.max(atMs, this.nowMs), order: this.#order, run };
    let hole = this.#due.length;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const above = this.#due[parent] as Due;
      if (!before(due, above)) break;
      this.#due[hole] = above;
      hole = parent;
    }
    this.#due[hole] = due;
  }

  runUntil(atMs: number): void {
    for (let next = this.#due[0]; next && next.atMs <= atMs; next = this.#due[0]) {
      this.#takeFirst();
      this.nowMs = next.atMs;
      next.run();
    }
    this.nowMs = atMs;
  }

  #takeFirst(): void {
    const last = this.#due.pop() as Due;
    const count = this.#due.length;
    if (count === 0) return;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= count) break;
      if (child + 1 < count && before(this.#due[child + 1] as Due, this.#due[child] as Due)) child += 1;
      if (!before(this.#due[child] as Due, last)) break;
      this.#due[hole] = this.#due[child] as Due;
      hole = child;
    }
    this.#due[hole] = last;
  }
}
