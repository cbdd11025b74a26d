import type { Lane } from './lane.ts';

/**
 * Counts the bytes of frame messages that came on each lane, and has them told to the peer: once for all that came in one
 * turn of the event loop. @see docs/transfer-protocol.md "Lanes and frames"
 */
export class Receipts {
  readonly #say: (lane: Lane, totalBytes: number) => void;
  readonly #totals = new Map<Lane, number>();
  readonly #untold = new Set<Lane>();
  /** A timer would wait for a millisecond and more, a microtask not for the turn's end. */
  readonly #afterTurn = new MessageChannel();

  constructor(say: (lane: Lane, totalBytes: number) => void) {
    this.#say = say;
    this.#afterTurn.port1.onmessage = () => this.#tell();
  }

  came(lane: Lane, lengthBytes: number): void {
    this.#totals.set(lane, (this.#totals.get(lane) ?? 0) + lengthBytes);
    if (this.#untold.size === 0) this.#afterTurn.port2.postMessage(null);
    this.#untold.add(lane);
  }

  /** The lane is gone. */
  forget(lane: Lane): void {
    this.#totals.delete(lane);
    this.#untold.delete(lane);
  }

  /** Nothing more is told. */
  close(): void {
    this.#afterTurn.port1.close();
  }

  #tell(): void {
    for (const lane of this.#untold) this.#say(lane, this.#totals.get(lane) ?? 0);
    this.#untold.clear();
  }
}
