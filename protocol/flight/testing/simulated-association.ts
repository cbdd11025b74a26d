import type { SimulatedClock } from './simulated-clock.ts';
import type { SimulatedLink } from './simulated-link.ts';

const INITIAL_WINDOW = 10;
const SMALLEST_SSTHRESH = 4;
const DUPLICATES = 3;
const MIN_RTO_MS = 1000;
const MAX_RTO_MS = 60_000;

/** Of usrsctp, as libdatachannel has it. */
const MAX_BURST = 10;
const TIMER_MS = 200;
const LEAST_VARIATION_MS = 4;

interface Packet {
  readonly endBytes: number;
  fate: 'sent' | 'sent again' | 'lost' | 'arrived';
  sentAtMs: number;
}

/**
 * One SCTP association as RFC 9260 steers it, in whole packets: slow start, congestion avoidance, a packet sent
 * again once after three reports of later ones, then only after a time-out. What the window does not let out waits
 * in a queue of its own without an end. The far end hands over whole frames, in order.
 *
 * That of a Node peer (usrsctp) takes a window that is not used back to what is in flight and ten packets, and its timer
 * runs on while acknowledgements come. @see docs/decisions/0017-acknowledged-without-delay.md
 */
export class SimulatedAssociation {
  dead = false;
  /** Bytes of whole frames that the far end handed over. */
  arrivedBytes = 0;
  readonly #clock: SimulatedClock;
  readonly #link: SimulatedLink;
  readonly #packetBytes: number;
  readonly #isUsrsctp: boolean;
  readonly #onFrame: () => void;
  #window = INITIAL_WINDOW;
  #ssthresh = Number.POSITIVE_INFINITY;
  readonly #packets: Packet[] = [];
  #writtenBytes = 0;
  #cutBytes = 0;
  #inFlight = 0;
  #toSendAgain: number[] = [];
  #oldest = 0;
  #searched = 0;
  #highest = -1;
  #recoveredFrom = -1;
  #rtoMs = MIN_RTO_MS;
  #rtt = { meanMs: 0, variationMs: 0 };
  /** The packet whose round trip is measured next: one a round. */
  #measured = 0;
  #timerEndsMs: number | null = null;
  readonly #frameEnds: number[] = [];
  #nextFrame = 0;
  /** At the far end: the first packet that it lacks, and those that it has beyond. */
  #expected = 0;
  readonly #ahead = new Set<number>();

  /** @param onFrame the far end has another frame or several */
  constructor(
    clock: SimulatedClock,
    link: SimulatedLink,
    packetBytes: number,
    isUsrsctp: boolean,
    onFrame: () => void,
  ) {
    this.#isUsrsctp = isUsrsctp;
    this.#clock = clock;
    this.#link = link;
    this.#packetBytes = packetBytes;
    this.#onFrame = onFrame;
  }

  /** What the window has not let out. */
  get queuedBytes(): number {
    return this.#writtenBytes - this.#cutBytes;
  }

  write(bytes: number): void {
    this.#writtenBytes += bytes;
    this.#frameEnds.push(this.#writtenBytes);
    this.#send();
  }

  #send(): void {
    if (this.#isUsrsctp) this.#limitBurst();
    while (!this.dead && this.#inFlight + 1 <= this.#window) {
      const again = this.#toSendAgain.shift();
      if (again !== undefined) {
        const packet = this.#packets[again];
        if (packet?.fate === 'lost') this.#transmit(again, 'sent again');
      } else if (this.#cutBytes < this.#writtenBytes) {
        this.#cutBytes = Math.min(this.#writtenBytes, this.#cutBytes + this.#packetBytes);
        this.#packets.push({ endBytes: this.#cutBytes, fate: 'lost', sentAtMs: 0 });
        this.#transmit(this.#packets.length - 1, 'sent');
      } else break;
    }
  }

  #limitBurst(): void {
    const hasToSend = this.#toSendAgain.length > 0 || this.#cutBytes < this.#writtenBytes;
    if (!hasToSend || this.#inFlight + MAX_BURST >= this.#window) return;
    this.#ssthresh = Math.max(this.#ssthresh, this.#window);
    this.#window = this.#inFlight + MAX_BURST;
  }

  #transmit(number: number, fate: Packet['fate']): void {
    const packet = this.#packets[number] as Packet;
    packet.fate = fate;
    packet.sentAtMs = this.#clock.nowMs;
    this.#inFlight += 1;
    this.#timerEndsMs ??= this.#clock.nowMs + TIMER_MS;
    this.#link.send(this.#packetBytes, () => this.#arrive(number));
  }

  /** At the far end. A packet of a dead association is lost. */
  #arrive(number: number): void {
    if (this.dead) return;
    if (number >= this.#expected) this.#ahead.add(number);
    while (this.#ahead.delete(this.#expected)) this.#expected += 1;
    const inOrder = this.#packets[this.#expected - 1]?.endBytes ?? 0;
    const before = this.#nextFrame;
    while ((this.#frameEnds[this.#nextFrame] ?? Number.POSITIVE_INFINITY) <= inOrder) this.#nextFrame += 1;
    if (this.#nextFrame > before) {
      this.arrivedBytes = this.#frameEnds[this.#nextFrame - 1] as number;
      this.#onFrame();
    }
    this.#link.answer(() => this.#acknowledge(number));
  }
  #acknowledge(number: number): void {
    const packet = this.#packets[number] as Packet;
    if (this.dead || packet.fate === 'arrived') return;
    const full = this.#inFlight + 1 > this.#window;
    if (packet.fate !== 'lost') this.#inFlight -= 1;
    if (packet.fate === 'sent' && number >= this.#measured)
      this.#measure(this.#clock.nowMs - packet.sentAtMs);
    packet.fate = 'arrived';
    if (this.#inFlight === 0) this.#timerEndsMs = null;
    this.#highest = Math.max(this.#highest, number);
    this.#rtoMs = Math.max(MIN_RTO_MS, 2 * (this.#clock.nowMs - packet.sentAtMs));
    this.#findLosses();
    if (full && this.#highest > this.#recoveredFrom) {
      this.#window += this.#window < this.#ssthresh ? 1 : 1 / this.#window;
    }
    while (this.#packets[this.#oldest]?.fate === 'arrived') this.#oldest += 1;
    this.#send();
  }

  #findLosses(): void {
    for (; this.#searched <= this.#highest - DUPLICATES; this.#searched += 1) {
      const packet = this.#packets[this.#searched] as Packet;
      if (packet.fate !== 'sent') continue;
      packet.fate = 'lost';
      this.#inFlight -= 1;
      this.#toSendAgain.push(this.#searched);
      if (this.#searched <= this.#recoveredFrom) continue;
      this.#recoveredFrom = this.#packets.length - 1;
      this.#ssthresh = Math.max(this.#window / 2, SMALLEST_SSTHRESH);
      this.#window = this.#ssthresh;
    }
  }

  #measure(rttMs: number): void {
    const { meanMs, variationMs } = this.#rtt;
    this.#measured = this.#packets.length;
    this.#rtt =
      meanMs === 0
        ? { meanMs: rttMs, variationMs: rttMs / 2 }
        : {
            meanMs: meanMs + (rttMs - meanMs) / 8,
            variationMs: variationMs + (Math.abs(rttMs - meanMs) - variationMs) / 4,
          };
  }

  /** To be called every few milliseconds. */
  checkTimeout(): void {
    if (this.dead) return;
    const { nowMs } = this.#clock;
    if (!this.#isUsrsctp) {
      const oldest = this.#packets[this.#oldest];
      if (oldest && nowMs - oldest.sentAtMs >= this.#rtoMs) this.#timeOut(nowMs);
      return;
    }
    if (this.#timerEndsMs === null || nowMs < this.#timerEndsMs) return;
    this.#timerEndsMs = nowMs + 2 * TIMER_MS;
    const { meanMs, variationMs } = this.#rtt;
    this.#timeOut(nowMs - meanMs - Math.max(4 * variationMs, LEAST_VARIATION_MS));
  }

  /** Takes for lost what was sent before. */
  #timeOut(beforeMs: number): void {
    const late: number[] = [];
    for (let i = this.#oldest; i < this.#packets.length; i += 1) {
      const packet = this.#packets[i] as Packet;
      if (packet.fate === 'arrived' || packet.sentAtMs >= beforeMs) continue;
      if (packet.fate !== 'lost') this.#inFlight -= 1;
      packet.fate = 'lost';
      late.push(i);
    }
    if (late.length === 0) return;
    this.#rtoMs = Math.min(MAX_RTO_MS, 2 * this.#rtoMs);
    this.#ssthresh = Math.max(this.#window / 2, SMALLEST_SSTHRESH);
    this.#window = 1;
    this.#recoveredFrom = this.#packets.length - 1;
    this.#toSendAgain = [...late, ...this.#toSendAgain.filter((i) => !late.includes(i))];
    this.#send();
  }
}
