import { LaneFlight, smoothed } from './lane-flight.ts';
import {
  FIRST_FRAME_BYTES,
  FRAMES_COMPARED,
  LANE_FRAMES,
  LANE_QUEUE_MS,
  LANE_WINDOWS,
  MIN_IN_FLIGHT_MS,
  MIN_ROUND_MS,
  ROOMY_LANE_FRAMES,
  STALLED_MS,
  STALLED_ROUND_TRIPS,
  UNREPORTED_FRAMES,
} from './limits.ts';
import { PathModel } from './path-model.ts';
import { WindowedMax } from './windowed-max.ts';

/**
 * How many bytes may be on their way over all lanes together, and on which lane the next frame goes.
 *
 * An association that is left to itself fills the bottleneck's queue until it overruns it, and then waits for
 * time-outs; so what is in flight is held near what the network carries (`PathModel`). Each lane keeps a frame or
 * two beyond that, so that a window which loss made small is always used and can grow.
 *
 * Pure: the caller brings the time, in milliseconds of a clock that never goes back. A lane that is not known
 * (any longer) is passed over in silence, for reports on it may come late.
 */
export class Flight {
  readonly #lanes = new Map<string, LaneFlight>();
  readonly #path = new PathModel();
  readonly #frameBytes = new WindowedMax(FRAMES_COMPARED);
  #frames = 0;
  #inFlightBytes = 0;
  #deliveredBytes = 0;
  #idle = true;
  #rttMs: number | null = null;

  /** A lane that stands and may carry frames. @param leastMs what is in flight while it does lasts so long at least */
  addLane(lane: string, leastMs = MIN_IN_FLIGHT_MS): void {
    this.removeLane(lane);
    this.#lanes.set(lane, new LaneFlight(leastMs));
  }

  /** The lane is dead or closed: what it had in flight is no longer counted. */
  removeLane(lane: string): void {
    this.#inFlightBytes -= this.#lanes.get(lane)?.inFlightBytes ?? 0;
    this.#lanes.delete(lane);
    if (!this.#path.limitedAt(this.#deliveredBytes + this.#inFlightBytes))
      this.#path.idleUntil(this.#deliveredBytes + this.#inFlightBytes);
  }

  /**
   * The lane that would deliver another frame soonest, or null while as much is in flight as may be, or no lane stands.
   * What a stalled lane carries is no longer in the network, and what waits in a lane for its window not yet: neither holds
   * up another lane. A stalled lane is named only where all are.
   */
  choose(nowMs: number): string | null {
    const usualRate = (this.bytesPerSecond ?? 1) / this.#lanes.size;
    let best: string | null = null;
    let least = { stalled: true, seconds: Number.POSITIVE_INFINITY };
    let outsideBytes = 0;
    let allStalled = true;
    for (const [name, lane] of this.#lanes) {
      const stalled = this.#stalled(lane, nowMs);
      allStalled &&= stalled;
      outsideBytes += stalled ? lane.inFlightBytes : lane.queuedBytes;
      if (this.#full(lane)) continue;
      const seconds = (lane.inFlightBytes + this.#frame) / (lane.bytesPerSecond ?? usualRate);
      if (stalled === least.stalled ? seconds >= least.seconds : stalled) continue;
      best = name;
      least = { stalled, seconds };
    }
    if (least.stalled && !allStalled) return null;
    const countedBytes = this.#inFlightBytes - (least.stalled ? 0 : outsideBytes);
    return countedBytes < this.capBytes ? best : null;
  }

  /**
   * So many bytes of frames wait in the lane for its window: they are not in the network yet. To be told often where a lane
   * tells it; a lane of which nothing is told is taken to send at once what it is handed.
   */
  queued(lane: string, bytes: number): void {
    this.#lanes.get(lane)?.queued(bytes);
  }

  /** A frame of so many bytes was handed to the lane. */
  sent(lane: string, bytes: number, nowMs: number): void {
    const to = this.#lanes.get(lane);
    if (!to) return;
    if (this.#idle && this.#inFlightBytes === 0) this.#path.begin(this.#deliveredBytes, nowMs);
    this.#idle = false;
    this.#frames += 1;
    this.#frameBytes.add(bytes, this.#frames);
    this.#inFlightBytes += bytes;
    to.sent(bytes, nowMs);
  }

  /**
   * The peer has so many bytes in all of what was sent on this lane.
   * @throws ProtocolViolation for a number that goes back, or beyond what was sent
   */
  received(lane: string, totalBytes: number, nowMs: number): void {
    const from = this.#lanes.get(lane);
    if (!from) return;
    const before = from.receivedBytes;
    const sentAtMs = from.received(totalBytes, nowMs);
    this.#inFlightBytes -= totalBytes - before;
    this.#deliveredBytes += totalBytes - before;
    if (sentAtMs === null) return;
    this.#rttMs = smoothed(this.#rttMs, nowMs - sentAtMs);
    this.#path.add({
      deliveredBytes: this.#deliveredBytes,
      sentAtMs,
      lanes: this.#lanes.size,
      frameBytes: this.#frame,
      nowMs,
    });
  }

  /**
   * The sender has nothing to send although it might (source, credit or person): call it whenever `choose` named a
   * lane and there was no frame for it. What is measured until all that is in flight has arrived says nothing about
   * the network.
   */
  idle(_nowMs: number): void {
    this.#idle = true;
    this.#path.idleUntil(this.#deliveredBytes + this.#inFlightBytes);
  }

  /** Sent and not yet reported, on the lanes that stand, stalled ones included. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** What may be in flight. A frame may begin while less is, so a frame more can be. */
  get capBytes(): number {
    const lanes = this.#lanes.size;
    const leastMs = Math.max(...Array.from(this.#lanes.values(), (lane) => lane.leastMs));
    const target = this.#path.targetBytes(leastMs);
    if (target !== null && this.#path.draining) return Math.max(target, this.#frame);
    return Math.max(
      this.#laneFrames * lanes * this.#frame,
      (target ?? 0) + UNREPORTED_FRAMES * lanes * this.#frame,
    );
  }

  /** Reported on all lanes together, those removed included. Never falls. */
  get deliveredBytes(): number {
    return this.#deliveredBytes;
  }

  /** Whether it is the network, not the sender, that the transfer waits for now. */
  get networkLimited(): boolean {
    return !this.#idle && this.#path.limitedAt(this.#deliveredBytes) && this.#inFlightBytes > 0;
  }

  /** Frames sent so far. */
  get sentFrames(): number {
    return this.#frames;
  }

  /** What the network delivers over all lanes: the most in some round trips. Null until known. */
  get bytesPerSecond(): number | null {
    return this.#path.bytesPerSecond;
  }

  /** The smallest round trip of a frame seen of late. Null until known. */
  get minRttMs(): number | null {
    return this.#path.minRttMs;
  }

  /** The round trip of a frame, smoothed. Null until known. */
  get rttMs(): number | null {
    return this.#rttMs;
  }

  /** Lanes whose oldest report is so long overdue that what they carry had better be sent elsewhere too. */
  stalled(nowMs: number): string[] {
    return [...this.#lanes].filter(([, lane]) => this.#stalled(lane, nowMs)).map(([name]) => name);
  }

  #stalled(lane: LaneFlight, nowMs: number): boolean {
    const rttMs = Math.max(lane.rttMs ?? 0, this.#rttMs ?? 0);
    return lane.oldestAgeMs(nowMs) > Math.max(STALLED_MS, STALLED_ROUND_TRIPS * rttMs);
  }

  /**
   * A lane that tells what waits in it is never let run dry, for a window that is not used does not grow; more than that would
   * only wait there, were it to stall. Of others it is guessed, among several, what their windows can use.
   */
  #full(lane: LaneFlight): boolean {
    const rttMs = this.minRttMs;
    if (lane.tellsQueue) {
      const soonBytes = ((lane.bytesPerSecond ?? 0) * LANE_QUEUE_MS) / 1000;
      return lane.queuedBytes >= Math.max(this.#frame, soonBytes);
    }
    if (rttMs === null || lane.bytesPerSecond === null || this.#lanes.size === 1) return false;
    const usefulBytes = (LANE_WINDOWS * lane.bytesPerSecond * (rttMs + MIN_ROUND_MS)) / 1000;
    return lane.inFlightBytes >= Math.max(this.#laneFrames * this.#frame, usefulBytes);
  }

  get #laneFrames(): number {
    return this.#path.hasRoom ? ROOMY_LANE_FRAMES : LANE_FRAMES;
  }

  get #frame(): number {
    return this.#frameBytes.value ?? FIRST_FRAME_BYTES;
  }
}
