import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ControlStream } from './control-stream.ts';
import { ProtocolViolation } from './errors.ts';
import { decodeLaneMessage, encodeControlAck } from './lane-message.ts';
import {
  MAX_CONTROL_BYTES,
  MAX_UNACKNOWLEDGED_CONTROLS,
  MAX_WAITING_CONTROL_BYTES,
  MAX_WAITING_CONTROLS,
} from './limits.ts';

const bodyOf = (n: number): Uint8Array => Uint8Array.of(n >>> 16, n >>> 8, n);
const numberIn = ([a = 0, b = 0, c = 0]: Uint8Array): number => (a << 16) | (b << 8) | c;

type End = 0 | 1;

/** Two streams and the lanes between them: each lane keeps order, loses all it carries when it dies, and knows of no other. */
class Wire {
  readonly streams = [new ControlStream(), new ControlStream()] as const;
  readonly heard = [0, 0];
  readonly said = [0, 0];
  /** For each lane what is on its way to either end. */
  readonly lanes: [Uint8Array[], Uint8Array[]][] = [];

  say(end: End, lane: number): void {
    const messages = this.streams[end].say(bodyOf(this.said[end] as number));
    this.said[end] = (this.said[end] as number) + 1;
    this.#post(end, lane, messages);
  }

  /** The next message that is on its way to `end` on this lane arrives. @returns whether there was one */
  deliver(end: End, lane: number): boolean {
    const carried = this.lanes[lane % Math.max(1, this.lanes.length)];
    const bytes = carried?.[end].shift();
    if (!bytes) return false;
    const message = decodeLaneMessage(bytes);
    if (message.kind === 'control') {
      const bodies = this.streams[end].hear(message.seq, message.body);
      for (const body of bodies) {
        // Not `expect`: a run delivers tens of thousands.
        if (numberIn(body) !== this.heard[end]) throw new Error(`heard ${numberIn(body)} out of turn`);
        this.heard[end] = (this.heard[end] as number) + 1;
      }
      carried?.[end === 0 ? 1 : 0].push(encodeControlAck(this.streams[end].heardUpTo));
    } else if (message.kind === 'control-ack') {
      this.#post(end, lane, this.streams[end].acknowledged(message.next));
    }
    return true;
  }

  open(): void {
    this.lanes.push([[], []]);
    for (const end of [0, 1] as const) this.#post(end, this.lanes.length - 1, this.streams[end].replay());
  }

  /** What the lane carried is gone; each end says again, on a lane that is left, what it has no word of. */
  kill(lane: number): void {
    if (this.lanes.length === 0) return;
    this.lanes.splice(lane % this.lanes.length, 1);
    if (this.lanes.length === 0) return;
    for (const end of [0, 1] as const) this.#post(end, lane, this.streams[end].replay());
  }

  #post(from: End, lane: number, messages: readonly Uint8Array[]): void {
    this.lanes[lane % Math.max(1, this.lanes.length)]?.[from === 0 ? 1 : 0].push(...messages);
  }

  /** Lets everything arrive that can. */
  settle(): void {
    if (this.lanes.length === 0) this.open();
    for (let moved = true; moved; ) {
      moved = false;
      for (const lane of this.lanes.keys()) {
        for (const end of [0, 1] as const) while (this.deliver(end, lane)) moved = true;
      }
    }
  }
}

const end = fc.constantFrom<End>(0, 1);
const lane = fc.nat({ max: 3 });
const act = <const T extends string>(what: T, mostTimes = 1) =>
  fc.record({ what: fc.constant(what), end, lane, times: fc.integer({ min: 1, max: mostTimes }) });
const step = fc.oneof(
  { weight: 6, arbitrary: act('say') },
  { weight: 1, arbitrary: act('say', 2 * MAX_UNACKNOWLEDGED_CONTROLS) },
  { weight: 8, arbitrary: act('deliver') },
  { weight: 2, arbitrary: act('deliver', 2 * MAX_UNACKNOWLEDGED_CONTROLS) },
  { weight: 1, arbitrary: act('open') },
  { weight: 1, arbitrary: act('kill') },
);

describe('two control streams over lanes that come and die', () => {
  it('deliver every message once and in order, and never run ahead of the window', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
        const wire = new Wire();
        for (const { what, end, lane, times } of steps) {
          for (let left = times; left > 0; left -= 1) {
            if (what === 'deliver') wire.deliver(end, lane);
            else if (what === 'say' && wire.streams[end].pending < MAX_WAITING_CONTROLS) wire.say(end, lane);
            else if (what === 'open' && wire.lanes.length < 4) wire.open();
            else if (what === 'kill') wire.kill(lane);
          }
          for (const stream of wire.streams) {
            expect(stream.replay().length).toBeLessThanOrEqual(MAX_UNACKNOWLEDGED_CONTROLS);
          }
        }
        wire.settle();
        expect(wire.heard).toEqual(wire.said.toReversed());
        expect(wire.streams.map(({ pending }) => pending)).toEqual([0, 0]);
      }),
    );
  });
});

describe('ControlStream', () => {
  it('holds back what the peer has no room for, and lets it go as room comes', () => {
    const stream = new ControlStream();
    for (let i = 0; i < MAX_UNACKNOWLEDGED_CONTROLS; i += 1) expect(stream.say(bodyOf(i))).toHaveLength(1);
    expect(stream.say(bodyOf(0))).toEqual([]);
    expect(stream.say(bodyOf(1))).toEqual([]);
    expect(stream.pending).toBe(MAX_UNACKNOWLEDGED_CONTROLS + 2);
    expect(stream.acknowledged(0)).toEqual([]);
    expect(stream.acknowledged(1)).toHaveLength(1);
    expect(stream.replay()).toHaveLength(MAX_UNACKNOWLEDGED_CONTROLS);
    expect(stream.acknowledged(MAX_UNACKNOWLEDGED_CONTROLS)).toHaveLength(1);
    expect(stream.pending).toBe(2);
  });

  it('gives up on a peer that causes much and acknowledges nothing', () => {
    const stream = new ControlStream();
    const most = MAX_UNACKNOWLEDGED_CONTROLS + MAX_WAITING_CONTROLS;
    for (let i = 0; i < most; i += 1) stream.say(bodyOf(i));
    expect(() => stream.say(bodyOf(0))).toThrow(ProtocolViolation);
    expect(stream.pending).toBe(most);
  });

  it('gives up on it sooner where what it causes is large', () => {
    const stream = new ControlStream();
    const page = new Uint8Array(MAX_CONTROL_BYTES);
    const most = MAX_UNACKNOWLEDGED_CONTROLS + MAX_WAITING_CONTROL_BYTES / MAX_CONTROL_BYTES + 1;
    for (let i = 0; i < most; i += 1) stream.say(page);
    expect(() => stream.say(page)).toThrow(ProtocolViolation);
    stream.acknowledged(2);
    expect(stream.say(page)).toEqual([]);
  });

  it('does not hear an acknowledgement of what was never said, nor go back on one', () => {
    const stream = new ControlStream();
    expect(() => stream.acknowledged(1)).toThrow(ProtocolViolation);
    stream.say(bodyOf(0));
    stream.say(bodyOf(1));
    expect(() => stream.acknowledged(3)).toThrow(ProtocolViolation);
    stream.acknowledged(2);
    stream.acknowledged(1);
    stream.acknowledged(0);
    expect(stream.pending).toBe(0);
  });

  it('accepts the last number of the window and refuses the first beyond it', () => {
    const stream = new ControlStream();
    expect(stream.hear(MAX_UNACKNOWLEDGED_CONTROLS - 1, bodyOf(0))).toEqual([]);
    expect(() => stream.hear(MAX_UNACKNOWLEDGED_CONTROLS, bodyOf(0))).toThrow(ProtocolViolation);
    expect(stream.hear(0, bodyOf(0))).toHaveLength(1);
    expect(stream.heardUpTo).toBe(1);
    expect(stream.hear(MAX_UNACKNOWLEDGED_CONTROLS, bodyOf(0))).toEqual([]);
  });

  it('survives any numbers: it throws nothing but ProtocolViolation and hands out each number once', () => {
    const near = fc.oneof(fc.nat({ max: 600 }), fc.nat({ max: 0xffff_ffff }));
    const calls = fc.array(fc.tuple(fc.constantFrom('hear', 'acknowledged', 'say'), near), {
      maxLength: 300,
    });
    fc.assert(
      fc.property(calls, (made) => {
        const stream = new ControlStream();
        const handedOut: number[] = [];
        for (const [call, number] of made) {
          try {
            if (call === 'hear') handedOut.push(...stream.hear(number, bodyOf(number)).map(numberIn));
            else if (call === 'acknowledged') stream.acknowledged(number);
            else stream.say(bodyOf(number));
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolViolation);
          }
        }
        expect(handedOut).toEqual([...Array(stream.heardUpTo).keys()]);
      }),
    );
  });
});
