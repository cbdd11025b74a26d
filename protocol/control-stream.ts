import { ProtocolViolation } from './errors.ts';
import { encodeControl } from './lane-message.ts';
import { MAX_UNACKNOWLEDGED_CONTROLS, MAX_WAITING_CONTROL_BYTES, MAX_WAITING_CONTROLS } from './limits.ts';

/**
 * Control messages of one session, in both directions: numbered, acknowledged cumulatively, delivered once and
 * in order whatever lane each copy came by, and kept until acknowledged so that they can be said again on
 * another lane when theirs dies.
 * @see docs/transfer-protocol.md "Control stream"
 */
export class ControlStream {
  #nextToSend = 0;
  #nextExpected = 0;
  readonly #unacknowledged = new Map<number, Uint8Array<ArrayBuffer>>();
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  readonly #early = new Map<number, Uint8Array>();

  /** Messages said and not yet acknowledged, waiting ones included. */
  get pending(): number {
    return this.#unacknowledged.size + this.#waiting.length;
  }

  /**
   * Queues a control message's body.
   * @returns the lane messages to send now: none while the peer has too much to acknowledge.
   * @throws ProtocolViolation when the peer causes far more than it acknowledges
   */
  say(body: Uint8Array): Uint8Array<ArrayBuffer>[] {
    if (this.#waiting.length >= MAX_WAITING_CONTROLS || this.#waitingBytes > MAX_WAITING_CONTROL_BYTES) {
      throw new ProtocolViolation('peer does not acknowledge control messages');
    }
    this.#waiting.push(body);
    this.#waitingBytes += body.length;
    return this.#release();
  }

  /**
   * Takes in one numbered message from any lane.
   * @returns the bodies that are next in order, possibly none
   * @throws ProtocolViolation for a number that could not have been sent yet
   */
  hear(seq: number, body: Uint8Array): Uint8Array[] {
    if (seq >= this.#nextExpected + MAX_UNACKNOWLEDGED_CONTROLS) {
      throw new ProtocolViolation('control message beyond the window');
    }
    if (seq < this.#nextExpected) return [];
    this.#early.set(seq, body);
    const inOrder: Uint8Array[] = [];
    for (;;) {
      const next = this.#early.get(this.#nextExpected);
      if (!next) return inOrder;
      this.#early.delete(this.#nextExpected);
      this.#nextExpected += 1;
      inOrder.push(next);
    }
  }

  /** What to tell the peer: every message below this number has arrived. */
  get heardUpTo(): number {
    return this.#nextExpected;
  }

  /**
   * The peer has every message below `next`.
   * @returns lane messages that may be sent now
   * @throws ProtocolViolation when it acknowledges what was never said
   */
  acknowledged(next: number): Uint8Array<ArrayBuffer>[] {
    if (next > this.#nextToSend)
      throw new ProtocolViolation('control message acknowledged before it was sent');
    for (const seq of this.#unacknowledged.keys()) {
      if (seq >= next) break;
      this.#unacknowledged.delete(seq);
    }
    return this.#release();
  }

  /** Everything to say again on a new lane, in order. */
  replay(): Uint8Array<ArrayBuffer>[] {
    return [...this.#unacknowledged.values()];
  }

  #release(): Uint8Array<ArrayBuffer>[] {
    const released: Uint8Array<ArrayBuffer>[] = [];
    while (this.#waiting.length > 0 && this.#unacknowledged.size < MAX_UNACKNOWLEDGED_CONTROLS) {
      const body = this.#waiting.shift() as Uint8Array;
      this.#waitingBytes -= body.length;
      const message = encodeControl(this.#nextToSend, body);
      this.#unacknowledged.set(this.#nextToSend, message);
      this.#nextToSend += 1;
      released.push(message);
    }
    return released;
  }
}
