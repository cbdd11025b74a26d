import { SeededRandom } from '../../testing/seeded-random.ts';
import { Flight } from '../flight.ts';
import type { LaneCount } from '../lane-count.ts';
import { SimulatedAssociation } from './simulated-association.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { type LinkShape, SimulatedLink } from './simulated-link.ts';

/** One packet of Ethernet, less what tunnels take. */
const PACKET_BYTES = 1200;

export interface FlightScenario extends LinkShape {
  seed: number;
  /** Lanes from the start, where no `laneCount` decides. */
  lanes?: number;
  laneCount?: LaneCount;
  frameBytes?: number;
  /** Reports wait for up to this long for the receiver's event loop. */
  reportDelayMs?: number;
  /** Larger where a link is so fast that single packets would take long to simulate. */
  packetBytes?: number;
}

/** A sender with more to send than it may, its lanes over one link, and a receiver that reports once a turn. */
export class SimulatedFlight {
  readonly clock = new SimulatedClock();
  readonly flight = new Flight();
  readonly link: SimulatedLink;
  readonly lanes = new Map<string, SimulatedAssociation>();
  /** Whether the sender has anything to send. */
  hasFrames = true;
  readonly #scenario: FlightScenario;
  readonly #random: SeededRandom;
  #reportDue = false;
  #opened = 0;
  #wanted = 0;
  mostOverCapBytes = Number.NEGATIVE_INFINITY;
  wantedLog: [number, number][] = [];

  constructor(scenario: FlightScenario) {
    this.#scenario = scenario;
    this.#random = new SeededRandom(scenario.seed);
    const { bytesPerSecond, rttMs, queueBytes, lossPercent } = scenario;
    this.link = new SimulatedLink(
      { bytesPerSecond, rttMs, queueBytes, lossPercent },
      this.clock,
      this.#random,
    );
    for (let i = 0; i < (scenario.lanes ?? 1); i += 1) this.openLane();
    this.#wanted = this.lanes.size;
    this.clock.after(0, () => this.#tick());
  }

  /** @returns its name */
  openLane(): string {
    this.#opened += 1;
    const name = `lane ${this.#opened}`;
    const packetBytes = this.#scenario.packetBytes ?? PACKET_BYTES;
    const association: SimulatedAssociation = new SimulatedAssociation(
      name,
      this.clock,
      this.link,
      packetBytes,
      () => this.#arrived(),
    );
    this.lanes.set(name, association);
    this.flight.addLane(name);
    return name;
  }

  closeLane(name: string): void {
    const lane = this.lanes.get(name);
    if (lane) lane.dead = true;
    this.lanes.delete(name);
    this.flight.removeLane(name);
  }

  #tick(): void {
    for (const lane of this.lanes.values()) lane.checkTimeout();
    const { laneCount } = this.#scenario;
    if (laneCount && this.clock.nowMs % 100 === 0) {
      const wanted = laneCount.observe({
        lanes: this.lanes.size,
        deliveredBytes: this.flight.deliveredBytes,
        networkLimited: this.flight.networkLimited,
        minRttMs: this.flight.minRttMs,
        nowMs: this.clock.nowMs,
      });
      if (wanted !== this.#wanted) this.wantedLog.push([this.clock.nowMs, wanted]);
      for (; this.#wanted < wanted; this.#wanted += 1)
        this.clock.after(4 * this.link.shape.rttMs + 20, () => {
          if (this.lanes.size < this.#wanted) this.openLane();
          this.#pump();
        });
      this.#wanted = wanted;
      while (this.lanes.size > wanted) this.closeLane([...this.lanes.keys()].pop() as string);
    }
    this.#pump();
    this.clock.after(10, () => this.#tick());
  }

  #pump(): void {
    const bytes = this.#scenario.frameBytes ?? 32 * 1024;
    for (;;) {
      const name = this.flight.choose(this.clock.nowMs);
      if (name === null) return;
      if (!this.hasFrames) {
        this.flight.idle(this.clock.nowMs);
        return;
      }
      this.flight.sent(name, bytes, this.clock.nowMs);
      this.lanes.get(name)?.write(bytes);
      this.mostOverCapBytes = Math.max(
        this.mostOverCapBytes,
        this.flight.inFlightBytes - this.flight.capBytes,
      );
    }
  }

  #arrived(): void {
    if (this.#reportDue) return;
    this.#reportDue = true;
    const delayMs = (this.#random.below(1000) / 1000) * (this.#scenario.reportDelayMs ?? 0);
    this.clock.after(delayMs, () => {
      this.#reportDue = false;
      const report = [...this.lanes.values()].map((l) => [l.name, l.arrivedBytes] as const);
      this.link.answer(() => {
        for (const [name, bytes] of report) this.flight.received(name, bytes, this.clock.nowMs);
        this.#pump();
      });
    });
  }

  /** Runs on and returns what was seen meanwhile. */
  run(ms: number): { bytesPerSecond: number; queueMs: number; dropped: number; timeouts: number } {
    const from = this.clock.nowMs;
    const before = this.flight.deliveredBytes;
    const dropped = this.link.dropped;
    let queue = 0,
      samples = 0;
    for (let t = from + 5; t <= from + ms; t += 5) {
      this.clock.runUntil(t);
      queue += this.link.queueMs;
      samples += 1;
    }
    return {
      bytesPerSecond: ((this.flight.deliveredBytes - before) * 1000) / ms,
      queueMs: queue / samples,
      dropped: this.link.dropped - dropped,
      timeouts: [...this.lanes.values()].reduce((s, l) => s + l.timeouts, 0),
    };
  }
}
