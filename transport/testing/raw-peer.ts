import type { ControlMessage } from '#protocol/control-message.ts';
import type { Fingerprints } from '#protocol/handshake/lane-proof.ts';
import type { SecureSession } from '#protocol/handshake/secure-session.ts';
import {
  decodeLaneMessage,
  encodeControl,
  encodeControlAck,
  encodePing,
  encodeProof,
  encodeReceipt,
  type LaneMessage,
} from '#protocol/lane-message.ts';
import type { Lane } from '../lane.ts';
import type { UnprovenLane } from '../lane-negotiation.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Fingerprints for lanes that have no certificates. */
export const FINGERPRINTS: Fingerprints = {
  sender: new Uint8Array(32).fill(1),
  receiver: new Uint8Array(32).fill(2),
};

/** A lane in memory as a negotiation would hand it over. */
export function connected(lane: Lane, fingerprints = FINGERPRINTS): UnprovenLane {
  return { lane, fingerprints, viewRoute: async () => 'lan' };
}

/** A meeting in memory is all that there is. */
export const NO_OTHERS = { iceServers: [], others: [], tcp: null };

/**
 * A peer that holds a session's keys and does with its lane what a test tells it to. Left to itself it only
 * acknowledges control messages, reports receipt and answers pings, and each can be turned off.
 */
export class RawPeer {
  /** Everything that the honest side sent, in order. */
  readonly heard: LaneMessage[] = [];
  /** What it said in control messages. */
  readonly controls: ControlMessage[] = [];
  closedBecause: string | null = null;
  acknowledges = true;
  answersPings = true;
  reportsReceipt = true;
  #frameBytes = 0;
  readonly #connected: UnprovenLane;
  readonly #secure: SecureSession;
  #nextSeq = 0;
  #changed: (() => void)[] = [];

  constructor(lane: UnprovenLane, secure: SecureSession) {
    this.#connected = lane;
    this.#secure = secure;
    lane.lane.attach(
      (message) => this.#take(decodeLaneMessage(message), message.length),
      (reason) => {
        this.closedBecause = reason;
        this.#wake();
      },
    );
  }

  get lane(): Lane {
    return this.#connected.lane;
  }

  /** The certificates of the connection, as this side sees them. */
  get fingerprints(): Fingerprints {
    return this.#connected.fingerprints;
  }

  /** Shows that this side holds the keys; with other fingerprints, that it holds them elsewhere. */
  prove(fingerprints: Fingerprints = this.#connected.fingerprints): void {
    this.send(encodeProof(this.#secure.laneProof(this.lane.id, fingerprints)));
  }

  /** The next control message, whatever it says. */
  say(...messages: unknown[]): void {
    for (const message of messages) this.sayBytes(new TextEncoder().encode(JSON.stringify(message)));
  }

  sayBytes(body: Uint8Array): void {
    this.send(encodeControl(this.#nextSeq, body));
    this.#nextSeq += 1;
  }

  /** Sends what may be anything, or nothing where the lane has closed meanwhile. */
  send(...messages: Bytes[]): void {
    for (const message of messages) if (this.closedBecause === null) this.lane.send(message);
  }

  /** The honest side's control message of this type: one that came already and was not waited for, or the next. */
  async hear<T extends ControlMessage['type']>(type: T): Promise<Extract<ControlMessage, { type: T }>> {
    for (;;) {
      const index = this.controls.findIndex((control) => control.type === type);
      if (index >= 0) return this.controls.splice(index, 1)[0] as Extract<ControlMessage, { type: T }>;
      await this.#change(`control message ${type}`);
    }
  }

  /** Resolves once `holds`, which is looked at after each message. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.#change('what was waited for');
  }

  async closed(): Promise<string> {
    while (this.closedBecause === null) await new Promise<void>((resolve) => this.#changed.push(resolve));
    return this.closedBecause;
  }

  #change(what: string): Promise<void> {
    if (this.closedBecause !== null)
      throw new Error(`the lane closed before ${what} came: ${this.closedBecause}`);
    return new Promise((resolve) => this.#changed.push(resolve));
  }

  #take(message: LaneMessage, lengthBytes: number): void {
    this.heard.push(message);
    if (message.kind === 'control') {
      this.controls.push(JSON.parse(new TextDecoder().decode(message.body)));
      if (this.acknowledges) this.send(encodeControlAck(message.seq + 1));
    }
    if (message.kind === 'frame') {
      this.#frameBytes += lengthBytes;
      if (this.reportsReceipt) this.send(encodeReceipt(this.#frameBytes));
    }
    if (message.kind === 'ping' && this.answersPings) this.send(encodePing('pong', message.token));
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}
