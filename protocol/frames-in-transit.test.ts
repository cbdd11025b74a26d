import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolViolation } from './errors.ts';
import { type FrameMessage, FramesInTransit } from './frames-in-transit.ts';
import { FUZZ } from './testing/fuzz.ts';

const frame = (lengthBytes: number): FrameMessage => new Uint8Array(lengthBytes);
/** The same frames, not only equal ones. */
const expectSame = (found: readonly FrameMessage[], expected: readonly FrameMessage[]) => {
  expect(found.length).toBe(expected.length);
  for (const [i, each] of found.entries()) expect(each).toBe(expected[i]);
};

describe('FramesInTransit', () => {
  const LANES = ['a', 'b', 'c'];
  const lane = fc.constantFrom(...LANES);
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ send: fc.integer({ min: 1, max: 300 }), lane }) },
    { weight: 1, arbitrary: fc.record({ again: fc.nat(), lane }) },
    { weight: 4, arbitrary: fc.record({ receive: fc.nat({ max: 4 }), lane }) },
    { weight: 1, arbitrary: fc.record({ lose: fc.constant(true), lane }) },
    { weight: 1, arbitrary: fc.record({ double: fc.constant(true), lane }) },
    { weight: 1, arbitrary: fc.record({ look: fc.constant(true), lane }) },
  );

  it(
    'has on each lane, in order, what left and was not received, and gives back what is nowhere else when the lane is lost',
    () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
          const transit = new FramesInTransit();
          const sent: FrameMessage[] = [];
          const everDoubled = new Set<FrameMessage>();
          const empty = () => ({
            frames: [] as FrameMessage[],
            bytes: 0,
            doubled: null as FrameMessage[] | null,
          });
          const onLane = new Map(LANES.map((name) => [name, empty()]));
          const onlyThere = ({ frames, doubled }: ReturnType<typeof empty>) =>
            frames.filter((each) => !doubled?.includes(each));
          for (const each of steps) {
            const model = onLane.get(each.lane) as ReturnType<typeof empty>;
            if ('send' in each || 'again' in each) {
              // One that left before may leave again, on this lane too.
              const next = 'send' in each ? frame(each.send) : sent[each.again % Math.max(1, sent.length)];
              if (!next) continue;
              sent.push(next);
              model.frames.push(next);
              model.doubled = model.doubled?.filter((doubled) => doubled !== next) ?? null;
              transit.sent(each.lane, next);
            } else if ('receive' in each) {
              const received = model.frames.splice(0, each.receive);
              for (const { length } of received) model.bytes += length;
              model.doubled = null;
              const spent = received.filter((one) => !everDoubled.has(one));
              expectSame(transit.arrived(each.lane, model.bytes), spent);
            } else if ('lose' in each) {
              expectSame(transit.lose(each.lane), onlyThere(model));
              onLane.set(each.lane, empty());
            } else if ('double' in each) {
              expectSame(transit.double(each.lane), model.doubled ? [] : model.frames);
              model.doubled ??= [...model.frames];
              for (const doubled of model.doubled) everDoubled.add(doubled);
            } else {
              expectSame(transit.on(each.lane), model.frames);
            }
          }
          for (const name of LANES) expectSame(transit.lose(name), onlyThere(onLane.get(name) ?? empty()));
        }),
        { numRuns: 500 * FUZZ },
      );
    },
    20_000 * FUZZ,
  );

  it('takes a receipt only for whole frames, no fewer than before and no more than were sent', () => {
    const numbers = fc.oneof(
      fc.nat({ max: 700 }),
      fc.constantFrom(2 ** 32, Number.MAX_SAFE_INTEGER),
      fc.maxSafeNat(),
    );
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 6 }),
        fc.array(numbers, { minLength: 1, maxLength: 6 }),
        (lengths, receipts) => {
          const transit = new FramesInTransit();
          const ends = new Set([0]);
          let total = 0;
          for (const length of lengths) {
            transit.sent('a', frame(length));
            total += length;
            ends.add(total);
          }
          let received = 0;
          for (const receipt of receipts) {
            if (ends.has(receipt) && receipt >= received) {
              transit.arrived('a', receipt);
              received = receipt;
              continue;
            }
            expect(() => transit.arrived('a', receipt)).toThrow(ProtocolViolation);
            return;
          }
          expect(transit.on('a').reduce((sum, { length }) => sum + length, 0)).toBe(total - received);
        },
      ),
      { numRuns: 2000 * FUZZ },
    );
  });

  it('knows nothing of a lane on which nothing was sent, or which was lost', () => {
    const transit = new FramesInTransit();
    transit.arrived('a', 0);
    expect(() => transit.arrived('a', 1)).toThrow(ProtocolViolation);
    expect([transit.on('a'), transit.lose('a')]).toEqual([[], []]);
    transit.sent('b', frame(5));
    expect(transit.lose('b')).toHaveLength(1);
    expect(transit.lose('b')).toEqual([]);
    expect(() => transit.arrived('b', 5)).toThrow(ProtocolViolation);
  });

  it('hands out lists of its own: what is done to them changes nothing', () => {
    const transit = new FramesInTransit();
    transit.sent('a', frame(5));
    transit.on('a').pop();
    expect(transit.on('a')).toHaveLength(1);
  });
});
