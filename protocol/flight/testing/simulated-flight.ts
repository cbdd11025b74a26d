import { SeededRandom } from '../../testing/seeded-random.ts';
import { Flight } from '../flight.ts';
import type { LaneCount } from '../lane-count.ts';
import { SimulatedAssociation } from './simulated-association.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { type LinkShape, SimulatedLink } from './simulated-link.ts';

export interface FlightScenario extends LinkShape {
  readonly seed: number;
  /** Lanes at the start. */
  readonly lanes?: number;
  /** Decides on the lanes after that; a new one stands four round trips after it was wanted. */
  readonly laneCount?: LaneCount;
  readonly frameBytes?: number;
  /** Whether lanes tell what waits in them, as a browser's do. */
  readonly tellsQueues?: boolean;
  /** Whether lanes have the SCTP of Node peers, with its faults. */
  readonly isUsrsctp?: boolean;
  /** Reports wait for up to this long for the receiver's event loop. */
  readonly reportDelayMs?: number;
  /** The sender's event loop is held up some ten times a second, each time for up to so long. */
  readonly heldUpMs?: number;
  /** Larger where a link is so fast that single packets would take long to simulate. */
  readonly packetBytes?: number;
}

/** What was seen in some time: delivery as reported, and the mean wait in the bottleneck's queue. */
export interface Seen {
  readonly bytesPerSecond: number;
  readonly queueMs: number;
  readonly dropped: number;
}

const TICK_MS = 10;
const LANES_OBSERVED_MS = 100;
const BETWEEN_HOLD_UPS_MS = 100;
const CONNECT_ROUND_TRIPS = 4;
const DEFAULT_FRAME_BYTES = 32 * 1024;
const DEFAULT_PACKET_BYTES = 1200;

/** A sender with all that it may send, its lanes over one link, and a receiver that reports once a turn of its loop. */
export class SimulatedFlight {
  readonly clock = new SimulatedClock();
  readonly flight = new Flight();
  readonly link: SimulatedLink;
  readonly lanes = new Map<string, SimulatedAssociation>();
  /** Whether the sender has anything to send. */
  hasFrames = true;
  /** In flight beyond the cap, at most, when a frame was sent. */
  mostOverCapBytes = 0;
  mostInFlightBytes = 0;
  readonly #scenario: FlightScenario;
  readonly #frameBytes: number;
  readonly #random: SeededRandom;
  #reportDue = false;
  #heldUpUntilMs = 0;
  #opened = 0;
  #opening = 0;

  constructor(scenario: FlightScenario) {
    this.#scenario = scenario;
    this.#frameBytes = scenario.frameBytes ?? DEFAULT_FRAME_BYTES;
    this.#random = new SeededRandom(scenario.seed);
    const { bytesPerSecond, rttMs, queueBytes, lossPercent } = scenario;
    this.link = this.newLink({ bytesPerSecond, rttMs, queueBytes, lossPercent });
    for (let i = 0; i < (scenario.lanes ?? 1); i += 1) this.openLane();
    this.clock.after(0, () => this.#tick());
    if (scenario.heldUpMs) this.clock.after(0, () => this.#holdUp(scenario.heldUpMs as number));
    if (scenario.laneCount) this.clock.after(0, () => this.#count(scenario.laneCount as LaneCount));
  }

  newLink(shape: LinkShape): SimulatedLink {
    return new SimulatedLink(shape, this.clock, this.#random);
  }

  /** @returns its name */
  openLane(link = this.link): string {
    this.#opened += 1;
    const name = `lane ${this.#opened}`;
    const packetBytes = this.#scenario.packetBytes ?? DEFAULT_PACKET_BYTES;
    const isUsrsctp = this.#scenario.isUsrsctp ?? false;
    this.lanes.set(
      name,
      new SimulatedAssociation(this.clock, link, packetBytes, isUsrsctp, () => this.#arrived()),
    );
    this.flight.addLane(name);
    return name;
  }

  closeLane(name: string): void {
    const lane = this.lanes.get(name);
    if (lane) lane.dead = true;
    this.lanes.delete(name);
    this.flight.removeLane(name);
  }

  run(ms: number): Seen {
    const { deliveredBytes } = this.flight;
    const { dropped } = this.link;
    let queueMs = 0;
    const steps = ms / TICK_MS;
    for (let step = 0; step < steps; step += 1) {
      this.clock.runUntil(this.clock.nowMs + TICK_MS);
      queueMs += this.link.queueMs / steps;
    }
    return {
      bytesPerSecond: ((this.flight.deliveredBytes - deliveredBytes) * 1000) / ms,
      queueMs,
      dropped: this.link.dropped - dropped,
    };
  }

  #holdUp(mostMs: number): void {
    const forMs = (this.#random.below(1000) / 1000) * mostMs;
    this.#heldUpUntilMs = this.clock.nowMs + forMs;
    this.clock.at(this.#heldUpUntilMs, () => this.#pump());
    this.clock.after(forMs + this.#random.below(2 * BETWEEN_HOLD_UPS_MS), () => this.#holdUp(mostMs));
  }

  #tick(): void {
    for (const lane of this.lanes.values()) lane.checkTimeout();
    this.#pump();
    this.clock.after(TICK_MS, () => this.#tick());
  }

  #count(laneCount: LaneCount): void {
    const wanted = laneCount.observe({
      lanes: this.lanes.size,
      deliveredBytes: this.flight.deliveredBytes,
      sentFrames: this.flight.sentFrames,
      networkLimited: this.flight.networkLimited,
      minRttMs: this.flight.minRttMs,
      nowMs: this.clock.nowMs,
    });
    for (; this.lanes.size + this.#opening < wanted; this.#opening += 1) {
      this.clock.after(CONNECT_ROUND_TRIPS * this.link.shape.rttMs, () => {
        this.#opening -= 1;
        this.openLane();
        this.#pump();
      });
    }
    for (const name of [...this.lanes.keys()].slice(wanted)) this.closeLane(name);
    this.clock.after(LANES_OBSERVED_MS, () => this.#count(laneCount));
  }

  #pump(): void {
    const { nowMs } = this.clock;
    if (nowMs < this.#heldUpUntilMs) return;
    this.#tellQueues();
    for (let name = this.flight.choose(nowMs); name !== null; name = this.flight.choose(nowMs)) {
      if (!this.hasFrames) {
        this.flight.idle(nowMs);
        return;
      }
      this.flight.sent(name, this.#frameBytes, nowMs);
      this.lanes.get(name)?.write(this.#frameBytes);
      this.#tellQueues();
      const { inFlightBytes, capBytes } = this.flight;
      this.mostInFlightBytes = Math.max(this.mostInFlightBytes, inFlightBytes);
      this.mostOverCapBytes = Math.max(this.mostOverCapBytes, inFlightBytes - capBytes);
    }
  }

  #tellQueues(): void {
    if (!this.#scenario.tellsQueues) return;
    for (const [name, lane] of this.lanes) this.flight.queued(name, lane.queuedBytes);
  }

  #arrived(): void {
    if (this.#reportDue) return;
    this.#reportDue = true;
    const delayMs = (this.#random.below(1000) / 1000) * (this.#scenario.reportDelayMs ?? 0);
    this.clock.after(delayMs, () => {
      this.#reportDue = false;
      const report = [...this.lanes].map(([name, lane]) => [name, lane.arrivedBytes] as const);
      this.link.answer(() =>
        this.clock.at(this.#heldUpUntilMs, () => {
          for (const [name, bytes] of report) this.flight.received(name, bytes, this.clock.nowMs);
          this.#pump();
        }),
      );
    });
  }
}
