import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolViolation } from '../errors.ts';
import { Flight } from './flight.ts';

const FRAME = 32 * 1024;

/** Sends whole frames while it may. @returns how many went on each lane */
function fill(flight: Flight, nowMs: number): Map<string, number> {
  const frames = new Map<string, number>();
  for (let lane = flight.choose(nowMs); lane !== null; lane = flight.choose(nowMs)) {
    flight.sent(lane, FRAME, nowMs);
    frames.set(lane, (frames.get(lane) ?? 0) + 1);
  }
  return frames;
}

/** What is in flight on a lane by the test's own books. */
const inFlightOf = (book?: { sent: number; received: number }): number =>
  book ? book.sent - book.received : 0;

describe('Flight', () => {
  it('names no lane before there is one', () => {
    const flight = new Flight();
    expect(flight.choose(0)).toBeNull();
    expect([flight.bytesPerSecond, flight.minRttMs, flight.rttMs]).toEqual([null, null, null]);
  });

  it('gives each new lane two frames, and no more until something is reported', () => {
    const flight = new Flight();
    flight.addLane('a');
    flight.addLane('b');
    expect([...fill(flight, 0)]).toEqual([
      ['a', 2],
      ['b', 2],
    ]);
    expect(flight.inFlightBytes).toBe(4 * FRAME);
  });

  it('counts what waits in a lane for its window as not in the network, and keeps each lane so much ahead only', () => {
    const flight = new Flight();
    flight.addLane('slow');
    flight.addLane('fast');
    flight.queued('slow', 1);
    flight.queued('fast', 1);
    const inFlight = fill(flight, 0);
    expect(inFlight.size).toBe(2);
    // As much is in flight as may be; all that was handed to one of them is known to wait there still.
    flight.queued('slow', (inFlight.get('slow') ?? 0) * FRAME);
    expect(flight.choose(0)).toBe('fast');
    flight.queued('fast', FRAME);
    expect(flight.choose(0)).toBeNull();
    flight.queued('fast', FRAME / 2);
    expect(flight.choose(0)).toBe('fast');
  });

  it('takes what a dead lane carried out of the books, and passes over what is said of it later', () => {
    const flight = new Flight();
    flight.addLane('a');
    flight.addLane('b');
    fill(flight, 0);
    flight.removeLane('a');
    flight.received('a', FRAME, 10);
    flight.sent('a', FRAME, 10);
    expect(flight.inFlightBytes).toBe(2 * FRAME);
    expect(flight.deliveredBytes).toBe(0);
    flight.removeLane('b');
    expect(flight.inFlightBytes).toBe(0);
    expect(flight.choose(20)).toBeNull();
  });

  it.each([
    ['goes back', FRAME - 1],
    ['goes beyond what was sent', 2 * FRAME + 1],
    ['is negative', -1],
    ['is a fraction', FRAME + 0.5],
    ['is no number', Number.NaN],
    ['is endless', Number.POSITIVE_INFINITY],
  ])('refuses a report that %s', (_what, totalBytes) => {
    const flight = new Flight();
    flight.addLane('a');
    fill(flight, 0);
    flight.received('a', FRAME, 50);
    const before = [flight.inFlightBytes, flight.deliveredBytes];
    expect(() => flight.received('a', totalBytes, 60)).toThrow(ProtocolViolation);
    expect([flight.inFlightBytes, flight.deliveredBytes]).toEqual(before);
  });

  it('measures rate and round trip', () => {
    const flight = new Flight();
    flight.addLane('a');
    fill(flight, 1000);
    flight.received('a', 2 * FRAME, 1050);
    expect(flight.rttMs).toBe(50);
    expect(flight.minRttMs).toBe(50);
    expect(flight.bytesPerSecond).toBe(2 * FRAME * 20);
    expect(flight.networkLimited).toBe(false);
    fill(flight, 1050);
    expect(flight.networkLimited).toBe(true);
  });

  it('learns no lower rate while the sender has nothing to send', () => {
    const flight = new Flight();
    flight.addLane('a');
    let reported = 0;
    let nowMs = 0;
    for (; nowMs < 500; nowMs += 50) {
      fill(flight, nowMs);
      reported += flight.inFlightBytes;
      flight.received('a', reported, nowMs + 50);
    }
    const rate = flight.bytesPerSecond as number;
    for (; nowMs < 5000; nowMs += 50) {
      flight.sent('a', FRAME, nowMs);
      flight.idle(nowMs);
      expect(flight.networkLimited).toBe(false);
      reported += FRAME;
      flight.received('a', reported, nowMs + 50);
    }
    expect(flight.bytesPerSecond).toBe(rate);
    flight.idle(nowMs);
    nowMs += 60_000;
    fill(flight, nowMs);
    reported += flight.inFlightBytes;
    flight.received('a', reported, nowMs + 50);
    expect(flight.bytesPerSecond).toBeGreaterThanOrEqual(rate);
  });

  it('sends on the lane that will deliver soonest', () => {
    const flight = new Flight();
    flight.addLane('slow');
    flight.addLane('fast');
    const reported = new Map([
      ['slow', 0],
      ['fast', 0],
    ]);
    let slow = 0;
    let fast = 0;
    for (let nowMs = 0; nowMs < 5000; nowMs += 50) {
      for (const [lane, frames] of fill(flight, nowMs)) {
        if (lane === 'slow') slow += frames;
        else fast += frames;
      }
      for (const [lane, perTurn, sent] of [
        ['slow', FRAME / 8, slow],
        ['fast', 2 * FRAME, fast],
      ] as const) {
        const total = Math.min((reported.get(lane) ?? 0) + perTurn, sent * FRAME);
        reported.set(lane, total);
        flight.received(lane, total, nowMs + 50);
      }
    }
    expect(fast).toBeGreaterThan(10 * slow);
    expect(slow).toBeGreaterThan(0);
  });

  it('knows a lane that has stalled, and prefers any other', () => {
    const flight = new Flight();
    flight.addLane('a');
    flight.addLane('b');
    fill(flight, 0);
    flight.received('b', FRAME, 50);
    expect(flight.stalled(500)).toEqual([]);
    expect(flight.stalled(501)).toEqual(['a', 'b']);
    flight.received('b', 2 * FRAME, 501);
    expect(flight.stalled(800)).toEqual(['a']);
    expect([...fill(flight, 800).keys()]).toEqual(['b']);
    flight.removeLane('b');
    expect(flight.stalled(801)).toEqual(['a']);
    expect(flight.choose(801)).toBe('a');
    flight.received('a', FRAME, 900);
    expect(flight.stalled(900)).toEqual([]);
    expect(flight.choose(900)).toBe('a');
  });

  it('stays within bounds whatever happens in whatever order', () => {
    const lane = fc.constantFrom('a', 'b', 'c');
    const later = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 60, noNaN: true }), fc.nat(20_000));
    const step = fc.oneof(
      fc.record({
        act: fc.constant('send'),
        lane,
        bytes: fc.integer({ min: 1, max: 65_536 }),
        later,
      }),
      fc.record({
        act: fc.constant('report'),
        lane,
        share: fc.double({ min: 0, max: 1, noNaN: true }),
        later,
      }),
      fc.record({ act: fc.constantFrom('add', 'remove', 'idle'), lane, later }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const flight = new Flight();
        const books = new Map<string, { sent: number; received: number }>();
        let nowMs = 0;
        let delivered = 0;
        for (const each of steps) {
          nowMs += each.later;
          const book = books.get(each.lane);
          let heldUp = 0;
          if (each.act === 'add') {
            flight.addLane(each.lane);
            books.set(each.lane, { sent: 0, received: 0 });
          } else if (each.act === 'remove') {
            flight.removeLane(each.lane);
            books.delete(each.lane);
          } else if (each.act === 'idle') flight.idle(nowMs);
          else if (each.act === 'report') {
            const total = book ? book.received + Math.floor((book.sent - book.received) * each.share) : 7;
            flight.received(each.lane, total, nowMs);
            if (book) {
              delivered += total - book.received;
              book.received = total;
            }
          } else if (each.act === 'send') {
            const { capBytes, inFlightBytes } = flight;
            const stalled = flight.stalled(nowMs);
            const chosen = flight.choose(nowMs);
            if (books.size > 0 && inFlightBytes === 0) expect(chosen).not.toBeNull();
            if (chosen === null) continue;
            const to = books.get(chosen) as { sent: number; received: number };
            expect(to).toBeDefined();
            if (stalled.includes(chosen)) expect(stalled.length).toBe(books.size);
            else for (const name of stalled) heldUp += inFlightOf(books.get(name));
            expect(inFlightBytes - heldUp).toBeLessThan(capBytes);
            flight.sent(chosen, each.bytes, nowMs);
            to.sent += each.bytes;
          }
          const carried = [...books.values()].reduce((sum, each) => sum + inFlightOf(each), 0);
          expect(flight.inFlightBytes).toBe(carried);
          expect(flight.deliveredBytes).toBe(delivered);
          expect(flight.capBytes).toBeGreaterThanOrEqual(0);
          expect(Number.isFinite(flight.capBytes)).toBe(true);
          expect(flight.minRttMs ?? 0).toBeGreaterThanOrEqual(0);
          expect(flight.bytesPerSecond ?? 0).toBeGreaterThanOrEqual(0);
          for (const name of flight.stalled(nowMs)) expect(books.has(name)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
