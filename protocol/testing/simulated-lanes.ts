import { ControlStream } from '../control-stream.ts';
import { decodeLaneMessage, encodeControlAck } from '../lane-message.ts';
import type { SeededRandom } from './seeded-random.ts';

export type Side = 'sender' | 'receiver';
const other = (side: Side): Side => (side === 'sender' ? 'receiver' : 'sender');

/** Keeps order, loses all it carries when it dies; each side finds out in its own time. */
export interface SimulatedLane<Cargo> {
  readonly id: string;
  /** What is on its way to either side: lane messages of the control stream, and what else is put on it. */
  readonly inbox: Record<Side, (Uint8Array | Cargo)[]>;
  dead: boolean;
  readonly knownDead: Record<Side, boolean>;
}

/** The lanes of a session and the control streams of its two sides, which outlive them. */
export class SimulatedLanes<Cargo> {
  readonly all: SimulatedLane<Cargo>[] = [];
  readonly #random: SeededRandom;
  readonly #controls = { sender: new ControlStream(), receiver: new ControlStream() };
  #made = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  get living(): SimulatedLane<Cargo>[] {
    return this.all.filter(({ dead }) => !dead);
  }

  /** Those that this side believes to live. */
  believed(side: Side): SimulatedLane<Cargo>[] {
    return this.all.filter(({ knownDead }) => !knownDead[side]);
  }

  open(): void {
    this.#made += 1;
    const inbox = { sender: this.#controls.receiver.replay(), receiver: this.#controls.sender.replay() };
    const knownDead = { sender: false, receiver: false };
    this.all.push({ id: `lane ${this.#made}`, inbox, dead: false, knownDead });
  }

  /** One side finds out that a lane is dead, and says again on another what it has no word of. */
  lose(lane: SimulatedLane<Cargo>, side: Side): void {
    lane.knownDead[side] = true;
    this.#post(side, this.#controls[side].replay());
    if (lane.knownDead[other(side)]) this.all.splice(this.all.indexOf(lane), 1);
  }

  say(side: Side, body: Uint8Array): void {
    this.#post(side, this.#controls[side].say(body));
  }

  /** The next control message on this lane arrives. @returns the bodies that are now in order */
  hear(lane: SimulatedLane<Cargo>, side: Side): Uint8Array[] {
    const message = decodeLaneMessage(lane.inbox[side].shift() as Uint8Array);
    const controls = this.#controls[side];
    if (message.kind === 'control-ack') this.#post(side, controls.acknowledged(message.next));
    if (message.kind !== 'control') return [];
    const bodies = controls.hear(message.seq, message.body);
    lane.inbox[other(side)].push(encodeControlAck(controls.heardUpTo));
    return bodies;
  }

  /** On any lane that this side believes in; where there is none, the next one replays it. */
  #post(from: Side, messages: readonly Uint8Array[]): void {
    const lanes = this.believed(from);
    if (lanes.length > 0) this.#random.oneOf(lanes).inbox[other(from)].push(...messages);
  }
}
