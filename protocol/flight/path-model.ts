import * as limits from './limits.ts';
import { WindowedMax } from './windowed-max.ts';

type Phase = 'start' | 'steady' | 'probe' | 'drain';

/** What a report says of the network. */
export interface PathSample {
  /** Delivered in all, with this report. */
  readonly deliveredBytes: number;
  /** When the last frame was sent that it covers. */
  readonly sentAtMs: number;
  readonly lanes: number;
  readonly frameBytes: number;
  readonly nowMs: number;
}

/**
 * What the network between two peers delivers, and how much in flight keeps it full. As in BBR
 * (draft-ietf-ccwg-bbr) these are two numbers, the highest delivery rate of some round trips and the lowest round
 * trip of some seconds, found by doubling at first and then by probing: in turn a little more is sent, to see whether
 * more arrives, and now and then less, to see the round trip without a queue.
 *
 * There is one rate sample a round (draft-cheng-iccrg-delivery-rate-estimation takes one per packet): frames
 * are few and reports come in batches, and a whole round averages over both. Where the receiver's event loop
 * holds reports back longer than the network takes, the delay counts as part of the round trip (`slackMs`).
 */
export class PathModel {
  minRttMs: number | null = null;
  readonly #rate = new WindowedMax(limits.RATE_ROUNDS);
  #minRttAtMs = 0;
  #slackMs = 0;
  #phase: Phase = 'start';
  #phaseRounds = 0;
  #phaseRate = 0;
  #growing = false;
  #crowdedRounds = 0;
  #lastRoundQueued = true;
  #rounds = 0;
  #from = { ms: 0, bytes: 0 };
  /** Of the frames reported in this round. */
  #rtts: number[] = [];
  #lastReport = { ms: 0, bytes: 0 };
  /** The time that each byte of this round waited for since the report before its own, summed up. */
  #gapByteMs = 0;
  /** Up to here nothing is learnt of the network: the sender had less to send than it might. */
  #idleUntilBytes = 0;

  get bytesPerSecond(): number | null {
    return this.#rate.value;
  }

  /** In flight at best; null until something was measured. @param leastMs for so long at least, unless it drains */
  targetBytes(leastMs: number): number | null {
    const rate = this.#rate.value;
    if (rate === null) return null;
    const roundMs = Math.max((this.minRttMs ?? 0) + this.#slackMs, this.draining ? 0 : leastMs);
    return (this.#gain() * rate * roundMs) / 1000;
  }

  /** Whether nothing queued in the last round: one report at least came about as soon as one can. */
  get hasRoom(): boolean {
    return !this.#lastRoundQueued;
  }

  get draining(): boolean {
    return this.#phase === 'drain';
  }

  /** Whether all that is delivered by now was sent while there was more to send. */
  limitedAt(deliveredBytes: number): boolean {
    return deliveredBytes >= this.#idleUntilBytes;
  }

  /** What is delivered up to there was sent by a sender that had less than it might send. */
  idleUntil(deliveredBytes: number): void {
    this.#idleUntilBytes = deliveredBytes;
  }

  /** The first frame after a silence: time begins to count. */
  begin(deliveredBytes: number, nowMs: number): void {
    this.#lastReport = { ms: nowMs, bytes: deliveredBytes };
    this.#beginRound(deliveredBytes, nowMs);
  }

  add(sample: PathSample): void {
    const { deliveredBytes, sentAtMs, lanes, nowMs } = sample;
    this.#gapByteMs += (deliveredBytes - this.#lastReport.bytes) * (nowMs - this.#lastReport.ms);
    this.#lastReport = { ms: nowMs, bytes: deliveredBytes };
    const rttMs = nowMs - sentAtMs;
    this.#rtts.push(rttMs);
    this.#learnRtt(rttMs, nowMs);
    if (nowMs - this.#from.ms < limits.MIN_ROUND_MS) return;
    const late = (this.#phase === 'start' || this.#growing) && this.#late(lanes);
    if (!late && sentAtMs < this.#from.ms) return;
    this.#endRound(sample);
    if (late) this.#enter('steady', limits.STEADY_ROUNDS - limits.FIRST_STEADY_ROUNDS);
  }

  #learnRtt(rttMs: number, nowMs: number): void {
    if (this.minRttMs !== null && rttMs > this.minRttMs * limits.SAME_RTT_FACTOR) return;
    this.minRttMs = Math.min(rttMs, this.minRttMs ?? rttMs);
    this.#minRttAtMs = nowMs;
  }

  /** Whether the network has begun to queue: none of the last reports came about as soon as one can. */
  #late(lanes: number): boolean {
    const reports = limits.LATE_REPORTS + limits.LATE_REPORTS_PER_LANE * lanes;
    return this.#rtts.length >= reports && this.#rtts.slice(-reports).every((rttMs) => rttMs > this.#lateMs);
  }

  /** A round trip longer than this has waited somewhere. */
  get #lateMs(): number {
    const minRttMs = this.minRttMs ?? 0;
    return Math.max(minRttMs * limits.LATE_FACTOR, minRttMs + limits.LATE_MS);
  }

  #beginRound(deliveredBytes: number, nowMs: number): void {
    this.#from = { ms: nowMs, bytes: deliveredBytes };
    this.#rtts = [];
    this.#gapByteMs = 0;
  }

  #endRound({ deliveredBytes, frameBytes, nowMs }: PathSample): void {
    const bytes = deliveredBytes - this.#from.bytes;
    const rate = (bytes * 1000) / (nowMs - this.#from.ms);
    const limited = this.limitedAt(this.#from.bytes);
    this.#rounds += 1;
    if (limited || rate > (this.#rate.value ?? 0)) this.#rate.add(rate, this.#rounds);
    this.#learnSlack(this.#gapByteMs / bytes - (frameBytes * 1000) / rate);
    const leastRttMs = Math.min(...this.#rtts);
    this.#lastRoundQueued = leastRttMs > this.#lateMs;
    this.#beginRound(deliveredBytes, nowMs);
    if (limited) this.#advance(rate, leastRttMs, nowMs);
  }

  /** A report can be late because frames are few, because of a queue, or because of the receiver's event loop: only the last is slack. */
  #learnSlack(gapMs: number): void {
    const meanRttMs = this.#rtts.reduce((sum, rttMs) => sum + rttMs, 0) / this.#rtts.length;
    const slackMs = Math.max(0, Math.min(gapMs, meanRttMs - (this.minRttMs ?? 0), limits.MAX_SLACK_MS));
    this.#slackMs = Math.max(slackMs, (3 * this.#slackMs + slackMs) / 4);
  }

  #advance(rate: number, leastRttMs: number, nowMs: number): void {
    this.#phaseRounds += 1;
    const crowded = leastRttMs > (this.minRttMs ?? 0) * limits.CROWDED_FACTOR + this.#slackMs;
    this.#crowdedRounds = crowded ? this.#crowdedRounds + 1 : 0;
    if (this.#phase === 'start') {
      this.#advanceStart(rate);
    } else if (this.#phase === 'drain') {
      if (this.#phaseRounds < limits.DRAIN_ROUNDS) return;
      this.minRttMs = leastRttMs;
      this.#minRttAtMs = nowMs;
      this.#enter('steady');
    } else if (this.#staleRtt(nowMs)) {
      this.#enter('drain');
    } else if (this.#phase === 'probe') {
      this.#advanceProbe(rate);
    } else if (this.#phaseRounds >= limits.STEADY_ROUNDS) {
      this.#enter('probe');
      this.#phaseRate = this.#rate.value ?? 0;
    }
  }

  #advanceStart(rate: number): void {
    if (rate >= limits.START_GROWTH * this.#phaseRate) {
      this.#phaseRate = rate;
      this.#phaseRounds = 0;
    } else if (this.#phaseRounds >= limits.START_ROUNDS_WITHOUT_GROWTH) this.#enter('steady');
  }

  #advanceProbe(rate: number): void {
    if (this.#phaseRounds < limits.PROBE_ROUNDS) return;
    if (rate < limits.PROBE_GROWTH * this.#phaseRate) {
      this.#enter('steady');
      return;
    }
    this.#phaseRate = rate;
    this.#phaseRounds = 0;
    this.#growing = true;
  }

  #staleRtt(nowMs: number): boolean {
    const crowded = this.#crowdedRounds >= limits.CROWDED_ROUNDS;
    if (crowded) this.#rate.forget(this.#rounds - limits.CROWDED_RATE_ROUNDS);
    return nowMs - this.#minRttAtMs > (crowded ? limits.CROWDED_MIN_RTT_AGE_MS : limits.MIN_RTT_AGE_MS);
  }

  #enter(phase: Phase, rounds = 0): void {
    this.#phase = phase;
    this.#phaseRounds = rounds;
    this.#growing = false;
  }

  #gain(): number {
    if (this.#phase === 'start') return limits.START_GAIN;
    if (this.#phase === 'drain') return limits.DRAIN_GAIN;
    if (this.#phase === 'steady') return limits.STEADY_GAIN;
    return this.#growing ? limits.GROWING_GAIN : limits.PROBE_GAIN;
  }
}
