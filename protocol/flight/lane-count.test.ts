import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LaneCount } from './lane-count.ts';
import { SimulatedFlight } from './testing/simulated-flight.ts';

const STEP_MS = 100;

/** A network that delivers `rateOf(lanes)`; lanes stand as soon as they are wanted. */
class Network {
  readonly wanted: number[] = [];
  lanes = 1;
  networkLimited = true;
  minRttMs = 50;
  frameBytes = 64 * 1024;
  rateOf: (lanes: number) => number;
  readonly #count: LaneCount;
  #nowMs = 0;
  #deliveredBytes = 0;

  constructor(rateOf: (lanes: number) => number, most = 32) {
    this.rateOf = rateOf;
    this.#count = new LaneCount(most);
  }

  /** @returns lanes wanted at the end */
  run(ms: number): number {
    for (const end = this.#nowMs + ms; this.#nowMs < end; this.#nowMs += STEP_MS) {
      this.#deliveredBytes += (this.rateOf(this.lanes) * STEP_MS) / 1000;
      this.lanes = this.#count.observe({
        lanes: this.lanes,
        deliveredBytes: this.#deliveredBytes,
        sentFrames: Math.round(this.#deliveredBytes / this.frameBytes),
        networkLimited: this.networkLimited,
        minRttMs: this.minRttMs,
        nowMs: this.#nowMs,
      });
      if (this.lanes !== this.wanted.at(-1)) this.wanted.push(this.lanes);
    }
    return this.lanes;
  }
}

const upTo = (most: number) => (lanes: number) => Math.min(lanes, most) * 440_000;

describe('LaneCount', () => {
  it('grows in large steps as long as each pays', () => {
    const network = new Network(upTo(32));
    expect(network.run(6000)).toBe(32);
    expect(network.wanted).toEqual([1, 4, 16, 32]);
  });

  it('wants no more than may be had', () => {
    expect(new Network(upTo(32), 8).run(20_000)).toBe(8);
    expect(new Network(upTo(32), 1).run(20_000)).toBe(1);
    expect(new Network(upTo(64), 64).run(20_000)).toBe(32);
  });

  it('goes back where more do not pay, and does not try again for a minute', () => {
    const network = new Network(() => 21_000_000);
    network.run(70_000);
    expect(network.wanted).toEqual([1, 4, 16, 8, 4, 2, 1]);
  });

  it('tries less and less often what never pays', () => {
    const network = new Network(() => 21_000_000);
    network.run(30 * 60_000);
    expect(network.wanted.filter((lanes) => lanes > 1).length).toBeLessThan(11);
  });

  it('tries a number in between once', () => {
    const network = new Network((lanes) => (lanes > 8 ? 5_600_000 : lanes * 1_700_000));
    expect(network.run(20_000)).toBe(8);
    // Whether half of it does as well is seen once.
    expect(network.wanted).toEqual([1, 4, 16, 8, 4, 8]);
  });

  it('gives back what only seemed to pay, while the machines were busy with something else', () => {
    let rate = 300_000;
    const network = new Network(() => {
      rate = Math.min(4_600_000, rate * 1.025);
      return rate;
    });
    expect(network.run(60_000)).toBe(1);
    expect(Math.max(...network.wanted)).toBeGreaterThan(1);
  });

  it.each([
    ['bytes', 25_000_000, 64 * 1024],
    ['small files', 5_000_000, 4096],
  ])('tries none where one is held up by the machines, for all the %s', (_, rate, frameBytes) => {
    const network = new Network(() => rate);
    network.minRttMs = 2;
    network.frameBytes = frameBytes;
    network.run(200_000);
    expect(network.wanted).toEqual([1]);
  });

  it('tries more for small files where the way is long, or few of them arrive', () => {
    for (const [minRttMs, rate] of [
      [50, 5_000_000],
      [2, 2_000_000],
    ] as const) {
      const network = new Network(() => rate);
      Object.assign(network, { minRttMs, frameBytes: 4096 });
      network.run(20_000);
      expect(Math.max(...network.wanted)).toBeGreaterThan(1);
    }
  });

  it('takes small steps where the frames of many lanes would queue for long', () => {
    const network = new Network(() => 125_000);
    network.run(30_000);
    expect(network.wanted).toEqual([1, 2, 1]);
  });

  it('counts nothing while the network is not what is waited for', () => {
    const network = new Network(upTo(32));
    network.networkLimited = false;
    expect(network.run(60_000)).toBe(1);
    network.networkLimited = true;
    expect(network.run(6000)).toBe(32);
    network.networkLimited = false;
    network.rateOf = () => 0;
    expect(network.run(600_000)).toBe(32);
  });

  it('does without lanes that do not come to stand', () => {
    const count = new LaneCount(32);
    const wanted = new Set<number>();
    for (let nowMs = 0; nowMs < 60_000; nowMs += STEP_MS)
      wanted.add(
        count.observe({
          lanes: 1,
          deliveredBytes: nowMs * 500,
          sentFrames: nowMs / 100,
          networkLimited: true,
          minRttMs: 50,
          nowMs,
        }),
      );
    expect([...wanted]).toEqual([1, 4, 2]);
  });

  it('follows a link that begins to lose, and one that stops', () => {
    const network = new Network(() => 21_000_000);
    expect(network.run(30_000)).toBe(1);
    network.rateOf = upTo(32);
    expect(network.run(30_000)).toBe(32);
    network.rateOf = () => 21_000_000;
    expect(network.run(10 * 60_000)).toBeLessThanOrEqual(16);
  });

  it('wants 1 to 32 whatever it sees', () => {
    const seen = fc.record({
      lanes: fc.nat(40),
      bytes: fc.nat(5_000_000),
      frames: fc.nat(5000),
      networkLimited: fc.boolean(),
      minRttMs: fc.option(fc.double({ min: 0, max: 2000, noNaN: true })),
      later: fc.nat(5000),
    });
    fc.assert(
      fc.property(fc.array(seen, { maxLength: 400 }), fc.integer({ min: 1, max: 64 }), (steps, most) => {
        const count = new LaneCount(most);
        let [deliveredBytes, sentFrames] = [0, 0];
        let nowMs = 0;
        for (const { bytes, frames, later, ...rest } of steps) {
          deliveredBytes += bytes;
          sentFrames += frames;
          nowMs += later;
          const wanted = count.observe({ ...rest, deliveredBytes, sentFrames, nowMs });
          expect(Number.isInteger(wanted)).toBe(true);
          expect(wanted).toBeGreaterThanOrEqual(1);
          expect(wanted).toBeLessThanOrEqual(Math.min(most, 32));
        }
      }),
    );
  });
});

describe('LaneCount on a simulated link', () => {
  const LONG = { bytesPerSecond: 25e6, rttMs: 50, queueBytes: 1.25e6, lossPercent: 0, reportDelayMs: 5 };

  it.each([1, 2, 3])('has many lanes after four seconds of loss, and holds them (seed %d)', (seed) => {
    const run = new SimulatedFlight({ ...LONG, lossPercent: 0.5, seed, laneCount: new LaneCount() });
    run.run(4000);
    expect(run.lanes.size).toBeGreaterThanOrEqual(16);
    expect(run.run(20_000).bytesPerSecond).toBeGreaterThan(8e6);
    expect(run.lanes.size).toBeGreaterThanOrEqual(16);
  });

  it('fills a link with the first step, and ends with one where one does as well', () => {
    const run = new SimulatedFlight({ ...LONG, seed: 1, laneCount: new LaneCount() });
    run.run(2000);
    expect(run.run(26_000).bytesPerSecond).toBeGreaterThan(0.9 * 25e6);
    expect(run.lanes.size).toBe(1);
  });

  it('opens no second one between two processes of one machine', () => {
    const loopback = {
      bytesPerSecond: 110e6,
      rttMs: 0.2,
      queueBytes: 64e6,
      lossPercent: 0,
      reportDelayMs: 10,
    };
    const run = new SimulatedFlight({ ...loopback, packetBytes: 9000, seed: 1, laneCount: new LaneCount() });
    for (let i = 0; i < 8; i += 1) {
      run.run(500);
      expect(run.lanes.size).toBe(1);
    }
  });
});
