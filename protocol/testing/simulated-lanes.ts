import { ControlStream } from '../control-stream.ts';
import {
  decodeLaneMessage,
  encodeControlAck,
  encodeReceipt,
  type Frame,
  type LaneMessage,
} from '../lane-message.ts';
import type { SeededRandom } from './seeded-random.ts';

export type Side = 'sender' | 'receiver';
const other = (side: Side): Side => (side === 'sender' ? 'receiver' : 'sender');

/** Keeps order, may deliver nothing for long, loses all it carries when it dies; each side finds out in its own time. */
export interface SimulatedLane {
  readonly id: string;
  /** Lane messages on their way to either side. */
  readonly inbox: Record<Side, Uint8Array<ArrayBuffer>[]>;
  dead: boolean;
  stalled: boolean;
  readonly knownDead: Record<Side, boolean>;
  /** Of frames that came on it, and how much of that the receiver has reported. */
  frameBytes: number;
  reportedBytes: number;
}

/** What a lane message comes to: control messages that are now in order, or what concerns blocks. */
export type Heard =
  | { readonly kind: 'bodies'; readonly bodies: readonly Uint8Array[] }
  | Frame
  | Extract<LaneMessage, { kind: 'receipt' }>;

/** The lanes of a session and the control streams of its two sides, which outlive them. */
export class SimulatedLanes {
  readonly all: SimulatedLane[] = [];
  readonly #random: SeededRandom;
  readonly #controls = { sender: new ControlStream(), receiver: new ControlStream() };
  #made = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  get living(): SimulatedLane[] {
    return this.all.filter(({ dead }) => !dead);
  }

  /** Those that this side believes to live. */
  believed(side: Side): SimulatedLane[] {
    return this.all.filter(({ knownDead }) => !knownDead[side]);
  }

  open(): void {
    this.#made += 1;
    this.all.push({
      id: `lane ${this.#made}`,
      inbox: { sender: this.#controls.receiver.replay(), receiver: this.#controls.sender.replay() },
      dead: false,
      stalled: false,
      knownDead: { sender: false, receiver: false },
      frameBytes: 0,
      reportedBytes: 0,
    });
  }

  /** One side finds out that a lane is dead, and says again on another what it has no word of. */
  lose(lane: SimulatedLane, side: Side): void {
    lane.knownDead[side] = true;
    this.#post(side, this.#controls[side].replay());
    if (lane.knownDead[other(side)]) this.all.splice(this.all.indexOf(lane), 1);
  }

  say(side: Side, body: Uint8Array): void {
    this.#post(side, this.#controls[side].say(body));
  }

  /** The receiver tells what has come on this lane. */
  report(lane: SimulatedLane): void {
    lane.reportedBytes = lane.frameBytes;
    lane.inbox.sender.push(encodeReceipt(lane.frameBytes));
  }

  /** The next message on this lane arrives. */
  hear(lane: SimulatedLane, side: Side): Heard {
    const bytes = lane.inbox[side].shift() as Uint8Array<ArrayBuffer>;
    const message = decodeLaneMessage(bytes);
    if (message.kind === 'receipt') return message;
    if (message.kind === 'frame') {
      lane.frameBytes += bytes.length;
      return message;
    }
    const controls = this.#controls[side];
    if (message.kind === 'control-ack') this.#post(side, controls.acknowledged(message.next));
    if (message.kind !== 'control') return { kind: 'bodies', bodies: [] };
    const bodies = controls.hear(message.seq, message.body);
    lane.inbox[other(side)].push(encodeControlAck(controls.heardUpTo));
    return { kind: 'bodies', bodies };
  }

  /** On any lane that this side believes in; where there is none, the next one replays it. */
  #post(from: Side, messages: readonly Uint8Array<ArrayBuffer>[]): void {
    const lanes = this.believed(from);
    if (lanes.length > 0) this.#random.oneOf(lanes).inbox[other(from)].push(...messages);
  }
}
