import type { Lane } from './lane.ts';

/**
 * Counts the bytes of frame messages that came on each lane, and has them told to the peer: once for all that came
 * meanwhile. @see docs/transfer-protocol.md "Lanes and frames"
 */
export class Receipts {
  readonly #say: (lane: Lane, totalBytes: number) => void;
  readonly #soon: (task: () => void) => void;
  readonly #totals = new Map<Lane, number>();
  readonly #untold = new Set<Lane>();

  /** @param soon the platform's */
  constructor(say: (lane: Lane, totalBytes: number) => void, soon: (task: () => void) => void) {
    this.#say = say;
    this.#soon = soon;
  }

  came(lane: Lane, lengthBytes: number): void {
    this.#totals.set(lane, (this.#totals.get(lane) ?? 0) + lengthBytes);
    if (this.#untold.size === 0) this.#soon(() => this.#tell());
    this.#untold.add(lane);
  }

  /** The lane is gone. */
  forget(lane: Lane): void {
    this.#totals.delete(lane);
    this.#untold.delete(lane);
  }

  #tell(): void {
    for (const lane of this.#untold) this.#say(lane, this.#totals.get(lane) ?? 0);
    this.#untold.clear();
  }
}
