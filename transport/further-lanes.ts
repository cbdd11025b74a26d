import { ProtocolViolation } from '#protocol/errors.ts';
import { MAX_LANES } from '#protocol/limits.ts';
import { type ConnectedLane, LaneNegotiation, type NegotiationPayload } from './lane-negotiation.ts';
import { MAX_OFFERED_LANES } from './limits.ts';
import type { Platform } from './platform.ts';

/** What it takes to make a connection. */
export interface Reach {
  readonly platform: Platform;
  readonly iceServers: RTCIceServer[];
}

/**
 * Makes a session's lanes after the first: what is said about them travels in a lane that stands. The receiver offers, as
 * many as the sender wants; the sender answers.
 * @see docs/transfer-protocol.md "Further lanes"
 */
export class FurtherLanes {
  readonly #reach: Reach;
  readonly #say: (payload: NegotiationPayload) => void;
  readonly #onLane: (connected: ConnectedLane) => void;
  readonly #making = new Map<string, Promise<LaneNegotiation>>();
  /** Lanes ever begun: the first one's id is 0. */
  #begun = 0;
  #closed = false;

  /** @param onLane takes over a lane that stands and is not proven yet */
  constructor(
    reach: Reach,
    say: (payload: NegotiationPayload) => void,
    onLane: (connected: ConnectedLane) => void,
  ) {
    this.#reach = reach;
    this.#say = say;
    this.#onLane = onLane;
  }

  /** Being made now. */
  get making(): number {
    return this.#making.size;
  }

  /** The receiver: offers so many more. A peer that makes and drops lanes without end is given no more of them. */
  offer(count: number): void {
    for (let i = 0; i < count && this.#begun < MAX_OFFERED_LANES; i += 1) {
      this.#begun += 1;
      const id = String(this.#begun);
      this.#make(id, LaneNegotiation.offer(id, this.#setup));
    }
  }

  /** Takes in what the other side says of a lane. @throws ProtocolViolation for an offer to whoever offers */
  hear(role: 'sender' | 'receiver', payload: NegotiationPayload, standing: number): void {
    if (payload.type !== 'offer') {
      // Of one that was given up meanwhile nothing more matters.
      this.#making.get(payload.lane)?.then(
        (negotiation) => negotiation.hear(payload),
        () => {},
      );
      return;
    }
    if (role === 'receiver') throw new ProtocolViolation('a sender offered a lane');
    if (standing + this.#making.size >= MAX_LANES || this.#begun >= MAX_OFFERED_LANES) return;
    this.#begun += 1;
    if (!this.#making.has(payload.lane))
      this.#make(payload.lane, LaneNegotiation.answer(payload, this.#setup));
  }

  /** Gives up what does not stand yet. */
  close(): void {
    this.#closed = true;
    for (const beginning of this.#making.values())
      beginning.then(
        (negotiation) => negotiation.abandon(),
        () => {},
      );
  }

  get #setup() {
    return { ...this.#reach, say: this.#say };
  }

  /** A lane that does not come about is none: the others go on. */
  #make(id: string, beginning: Promise<LaneNegotiation>): void {
    this.#making.set(id, beginning);
    beginning
      .then((negotiation) => {
        if (this.#closed) negotiation.abandon();
        return negotiation.connected;
      })
      .then(this.#onLane, () => {})
      .finally(() => this.#making.delete(id));
  }
}
