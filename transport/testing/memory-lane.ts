import { MAX_LANE_MESSAGE_BYTES } from '#protocol/limits.ts';
import type { Lane } from '../lane.ts';
import { HIGH_WATER_BYTES, LOW_WATER_BYTES } from '../limits.ts';

type Message = Uint8Array<ArrayBuffer>;

/** Two ends of one lane in memory. Messages are copied and arrive in a later turn, in order, as from a network. */
export function pairedLanes(id = '0', kind: Lane['kind'] = 'data-channel'): [MemoryLane, MemoryLane] {
  const near = new MemoryLane(id, kind);
  const far = new MemoryLane(id, kind);
  near.join(far);
  far.join(near);
  return [near, far];
}

/** One end of a lane in memory. */
export class MemoryLane implements Lane {
  readonly kind: Lane['kind'];
  readonly id: string;
  readonly maxMessageBytes = MAX_LANE_MESSAGE_BYTES;
  bufferedBytes = 0;
  #far: MemoryLane | null = null;
  #queue: Message[] = [];
  #isScheduled = false;
  #isHeld = false;
  readonly #early: Message[] = [];
  #onMessage: (message: Message) => void = (message) => this.#early.push(message);
  #onClose: (reason: string) => void = () => {};
  #closedBecause: string | null = null;
  #waiters: (() => void)[] = [];

  constructor(id: string, kind: Lane['kind']) {
    this.id = id;
    this.kind = kind;
  }

  join(far: MemoryLane): void {
    this.#far = far;
  }

  get closedBecause(): string | null {
    return this.#closedBecause;
  }

  /** From now on the far end takes nothing in: what is sent here stays in the queue. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#schedule();
  }

  send(message: Message): void {
    if (this.#closedBecause) throw new Error('send on a closed lane');
    if (message.length > this.maxMessageBytes) throw new Error(`a message of ${message.length} bytes`);
    this.#queue.push(message.slice());
    this.bufferedBytes += message.length;
    this.#schedule();
  }

  async writable(): Promise<void> {
    if (this.#closedBecause || this.bufferedBytes < HIGH_WATER_BYTES) return;
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  attach(onMessage: (message: Message) => void, onClose: (reason: string) => void): void {
    this.#onMessage = onMessage;
    this.#onClose = onClose;
    for (const message of this.#early.splice(0)) onMessage(message);
    if (this.#closedBecause) onClose(this.#closedBecause);
  }

  close(): void {
    if (this.#closedBecause) return;
    if (!this.#isHeld) this.#deliver();
    this.#end('closed here');
    setTimeout(() => this.#far?.drop('closed by the peer'), 0);
  }

  /** The connection is gone: this end learns it now, and loses what it has queued. */
  drop(reason: string): void {
    if (!this.#closedBecause) this.#end(reason);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isHeld) return;
    this.#isScheduled = true;
    setTimeout(() => {
      this.#isScheduled = false;
      if (!this.#isHeld && !this.#closedBecause) this.#deliver();
    }, 0);
  }

  #deliver(): void {
    for (const message of this.#queue.splice(0)) {
      this.bufferedBytes -= message.length;
      this.#far?.take(message);
    }
    if (this.bufferedBytes <= LOW_WATER_BYTES) this.#wake();
  }

  /** A message from the far end. */
  take(message: Message): void {
    if (!this.#closedBecause) this.#onMessage(message);
  }

  #end(reason: string): void {
    this.#closedBecause = reason;
    this.#queue = [];
    this.bufferedBytes = 0;
    this.#wake();
    this.#onClose(reason);
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }
}
