import { MAX_LANES } from '../limits.ts';
import * as limits from './limits.ts';

/** What is seen of a session at one moment. */
export interface LaneCountObservation {
  /** Lanes that stand. */
  readonly lanes: number;
  /** `Flight.deliveredBytes`. */
  readonly deliveredBytes: number;
  /** `Flight.sentFrames`. */
  readonly sentFrames: number;
  /** `Flight.networkLimited`. */
  readonly networkLimited: boolean;
  /** `Flight.minRttMs`. */
  readonly minRttMs: number | null;
  readonly nowMs: number;
}

/** A number of lanes and what they delivered, in bytes and in frames per second. */
interface Weighed {
  readonly lanes: number;
  readonly rate: number;
  readonly frameRate: number;
}

/**
 * How many lanes are wanted: as many as pay. Each is one congestion window, so that more of them carry more where
 * loss keeps windows small, and nothing more, or less, where the link is full. Which it is shows only in trying:
 * so the number grows in large steps, each judged once the new lanes had time to connect and grow; what is too many
 * is given back, since that costs little and too few cost much. A step that
 * did not pay is taken back, for a number in between at first, and tried again only after a long time or when the
 * link has changed. What is delivered counts only while it is the network that the transfer waits for.
 *
 * Pure, as `Flight` is.
 */
export class LaneCount {
  readonly #most: number;
  #wanted = 1;
  /** What the trial that is on is held against; null where none is on. */
  #against: Weighed | null = null;
  /** The trial is of a number between two, because the larger did not pay: no third one follows. */
  #between = false;
  /** What the present number delivers, as last weighed when no trial was on. */
  #settled: Weighed | null = null;
  /** What the first lane delivered when it was weighed last. */
  #firstRate = 0;
  #downNext = false;
  /** More lanes seemed to pay: before long it is seen whether fewer do as well now. A busy machine deceives. */
  #isConfirmed = false;
  #restUntilMs = 0;
  #changeAfterMs = 0;
  #restMs = limits.LANES_REST_MS;
  #wantedSinceMs: number | null = null;
  #standsSinceMs: number | null = null;
  /** What was delivered, and in what time, since the lanes settled. */
  #weighedMs = 0;
  #weighedBytes = 0;
  #weighedFrames = 0;
  /** How often the trial seemed to fail and was weighed for as long again, for loss comes in fits. */
  #doubts = 0;
  #last: LaneCountObservation | null = null;

  /** @param most lanes that may be had */
  constructor(most: number = MAX_LANES) {
    this.#most = Math.min(most, MAX_LANES);
  }

  /** Call it a few times a second, at every change of `lanes`, and while nothing moves too. @returns lanes wanted now */
  observe(seen: LaneCountObservation): number {
    const last = this.#last;
    this.#last = seen;
    if (!last) return this.#wanted;
    const roundTripMs = seen.minRttMs ?? 0;
    if (!this.#settledDown(seen, roundTripMs)) return this.#wanted;
    if (last.networkLimited && seen.networkLimited) {
      this.#weighedMs += seen.nowMs - last.nowMs;
      this.#weighedBytes += seen.deliveredBytes - last.deliveredBytes;
      this.#weighedFrames += seen.sentFrames - last.sentFrames;
    }
    if (this.#weighedMs > 0) {
      const perSecond = (count: number) => (count * 1000) / this.#weighedMs;
      const [rate, frameRate] = [perSecond(this.#weighedBytes), perSecond(this.#weighedFrames)];
      const now = { lanes: this.#wanted, rate, frameRate };
      if (this.#weighedMs >= this.#neededMs(roundTripMs)) this.#weighed(now, seen);
    }
    return this.#wanted;
  }

  /** Whether the lanes that are wanted have stood for long enough that what they deliver can be weighed. */
  #settledDown({ lanes, nowMs }: LaneCountObservation, roundTripMs: number): boolean {
    this.#wantedSinceMs ??= nowMs;
    const stand = lanes >= this.#wanted || nowMs - this.#wantedSinceMs > limits.LANES_CONNECT_MS;
    if (!stand) return false;
    this.#standsSinceMs ??= nowMs;
    if (!this.#against) return true;
    const settleMs = Math.max(limits.LANES_SETTLE_MS, limits.LANES_SETTLE_ROUND_TRIPS * roundTripMs);
    return nowMs - this.#standsSinceMs >= settleMs;
  }

  /** For how long the present number is weighed. */
  #neededMs(roundTripMs: number): number {
    const enoughMs = Math.max(limits.LANES_WEIGH_MS, limits.LANES_WEIGH_ROUND_TRIPS * roundTripMs);
    if (this.#against) return (1 + this.#doubts) * enoughMs;
    if (this.#settled) return limits.LANES_REST_WEIGHS * enoughMs;
    return Math.max(limits.FIRST_LANES_WEIGH_MS, limits.FIRST_LANES_WEIGH_ROUND_TRIPS * roundTripMs);
  }

  #weighed(now: Weighed, seen: LaneCountObservation): void {
    const isMore = now.lanes > (this.#against?.lanes ?? 0);
    if (isMore && this.#fails(now) && this.#doubts < limits.LANES_DOUBTS) {
      this.#doubts += 1;
      return;
    }
    this.#doubts = 0;
    this.#weighedMs = 0;
    this.#weighedBytes = 0;
    this.#weighedFrames = 0;
    this.#judge(now, seen);
  }

  #fails(now: Weighed): boolean {
    const against = this.#against;
    if (!against) return false;
    const needed =
      now.lanes < against.lanes
        ? limits.FEWER_LANES_DO
        : (now.lanes / against.lanes) ** limits.LANES_PAY_POWER;
    return now.rate < against.rate * needed;
  }

  #judge(now: Weighed, seen: LaneCountObservation): void {
    const against = this.#against;
    if (!against) {
      this.#rest(now, seen);
    } else if (!this.#fails(now)) {
      this.#restMs = limits.LANES_REST_MS;
      this.#isConfirmed = false;
      if (now.lanes < against.lanes) this.#settle(now, seen.nowMs);
      else this.#tryMore(now, seen);
    } else {
      if (now.lanes < against.lanes) this.#isConfirmed = true;
      const between = Math.round(Math.sqrt(now.lanes * against.lanes));
      if (!this.#between && against.lanes > 1 && between > against.lanes && now.lanes > against.lanes) {
        this.#between = true;
        this.#try(between, against);
      } else this.#giveUp(against, seen.nowMs);
    }
  }

  /** No trial is on: begins one when it is time, or when the link is no longer what it was. */
  #rest(now: Weighed, seen: LaneCountObservation): void {
    const settled = this.#settled;
    if (!settled) {
      this.#first(now, seen);
      return;
    }
    const change = Math.max(now.rate / settled.rate, settled.rate / now.rate);
    const changed = change >= limits.LINK_CHANGED_FACTOR && seen.nowMs >= this.#changeAfterMs;
    if (!changed && seen.nowMs < this.#restUntilMs) return;
    this.#between = false;
    this.#downNext = (!this.#downNext || !this.#isConfirmed) && now.lanes > 1;
    if (this.#downNext) this.#try(Math.ceil(now.lanes / 2), now);
    else this.#tryMore(now, seen);
  }

  /**
   * Nothing was settled yet. Over a long way one window is seldom enough, and what it delivers before its first loss is a
   * poor measure: the first step is taken for nothing, and what comes of it is weighed once it grows no more.
   */
  #first(now: Weighed, seen: LaneCountObservation): void {
    const more = this.#more(now);
    const isFar = (seen.minRttMs ?? 0) > limits.FAST_LANE_RTT_MS;
    const grows = now.rate >= limits.LANES_STILL_GROW * this.#firstRate;
    this.#firstRate = now.rate;
    if (now.lanes === 1 && isFar && more >= limits.LANE_STEP) {
      this.#firstRate = 0;
      this.#want(more);
    } else if (!grows) this.#tryMore(now, seen);
  }

  /** The next step up. */
  #more({ lanes, rate }: Weighed): number {
    const isSlow = rate < limits.LANE_STEP * lanes * limits.LANE_STEP_BYTES;
    return Math.min(this.#most, (isSlow ? limits.SLOW_LANE_STEP : limits.LANE_STEP) * lanes);
  }

  #tryMore(now: Weighed, { lanes, minRttMs, nowMs }: LaneCountObservation): void {
    const more = this.#more(now);
    const cannot = more === now.lanes || lanes < now.lanes;
    const isFast =
      now.rate >= now.lanes * limits.FAST_LANE_BYTES_PER_SECOND ||
      now.frameRate >= now.lanes * limits.FAST_LANE_FRAMES_PER_SECOND;
    const isNear = (minRttMs ?? 0) <= limits.FAST_LANE_RTT_MS;
    if ((isFast && isNear) || cannot || this.#between) this.#settle(now, nowMs);
    else this.#try(more, now);
  }

  #try(lanes: number, against: Weighed): void {
    this.#against = against;
    this.#want(lanes);
  }

  /** Stays with what was weighed just now. */
  #settle(now: Weighed, nowMs: number): void {
    this.#against = null;
    this.#settled = now;
    const isDue = now.lanes > 1 && !this.#isConfirmed;
    this.#restUntilMs = nowMs + (isDue ? limits.LANES_CONFIRM_MS : this.#restMs);
    this.#changeAfterMs = nowMs + limits.LANES_CHANGE_REST_MS;
  }

  /** Goes back to what was before the trial, and waits longer for the next one. */
  #giveUp(before: Weighed, nowMs: number): void {
    this.#settle(before, nowMs);
    this.#restMs = Math.min(2 * this.#restMs, limits.MAX_LANES_REST_MS);
    this.#want(before.lanes);
  }

  #want(lanes: number): void {
    this.#wanted = lanes;
    this.#wantedSinceMs = null;
    this.#standsSinceMs = null;
    this.#weighedMs = 0;
    this.#weighedBytes = 0;
    this.#weighedFrames = 0;
    this.#doubts = 0;
  }
}
