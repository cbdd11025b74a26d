/** The highest of the values seen within a window that moves on. */
export class WindowedMax {
  readonly #length: number;
  /** Each later and lower than the one before it. */
  readonly #candidates: { value: number; at: number }[] = [];

  /** @param length of the window, in the unit of `at` */
  constructor(length: number) {
    this.#length = length;
  }

  get value(): number | null {
    return this.#candidates[0]?.value ?? null;
  }

  /** @param at never below an earlier one */
  add(value: number, at: number): void {
    while ((this.#candidates.at(-1)?.value ?? Number.POSITIVE_INFINITY) <= value) this.#candidates.pop();
    this.#candidates.push({ value, at });
    this.forget(at - this.#length);
  }

  /** Forgets what was seen until then, save the last. */
  forget(until: number): void {
    while (this.#candidates.length > 1 && (this.#candidates[0]?.at ?? until) <= until)
      this.#candidates.shift();
  }
}
