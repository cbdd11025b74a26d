import { Flight } from '#protocol/flight/flight.ts';
import { MIN_STREAM_IN_FLIGHT_MS } from '#protocol/flight/limits.ts';
import { FramesInTransit } from '#protocol/frames-in-transit.ts';
import { decodeLaneMessage, encodeFrame, FRAME_OVERHEAD_BYTES } from '#protocol/lane-message.ts';
import { BLOCK_BYTES, FRAME_UNIT_BYTES, MAX_FRAME_PAYLOAD_BYTES } from '#protocol/limits.ts';
import { SpareBuffers } from '#protocol/spare-buffers.ts';
import type { ReadBlock } from './block-reader.ts';
import type { Lane } from './lane.ts';
import {
  FRAME_MS,
  HIGH_WATER_BYTES,
  LANES_LOOK_MS,
  NEAR_RTT_MS,
  REST_TIMEOUT_MS,
  SPARE_FRAMES,
} from './limits.ts';

export interface PumpOptions {
  /** The next block, null for one that need not go out; undefined where there is none now, and `wake` will be called. */
  readonly next: () => Promise<ReadBlock | null> | undefined;
  /** All of the block is in frames. */
  readonly onSpent: (block: ReadBlock) => void;
  /** Whether a person holds all up: what is on its way still arrives, and nothing more leaves. */
  readonly isPaused: () => boolean;
  /** Everything that there was has been sent. */
  readonly onDry: () => void;
  /** So many bytes of files went out, for the first time or once more. */
  readonly onSent: (bytes: number) => void;
  /** What is in flight may be looked at anew. */
  readonly onLook: (flight: Flight) => void;
  readonly nowMs: () => number;
}

/** A lane, and what of it is told to `Flight`: nothing while it rests, and after that what was sent since. */
interface Carrier {
  readonly lane: Lane;
  sentBytes: number;
  untoldBytes: number;
  /** Since when nothing is sent on it; null while it works. */
  restsSinceMs: number | null;
  isRetired: boolean;
}

/**
 * Sends blocks, frame by frame, over all lanes of a session: each frame on the lane that will deliver it soonest, no more at
 * a time than the network takes. What a lane loses, or holds back for too long, goes out on another.
 */
export class FramePump {
  readonly #options: PumpOptions;
  readonly #carriers = new Map<string, Carrier>();
  readonly #flight = new Flight();
  readonly #transit = new FramesInTransit();
  readonly #frames = new SpareBuffers(MAX_FRAME_PAYLOAD_BYTES + FRAME_OVERHEAD_BYTES, SPARE_FRAMES);
  /** To be sent once more, ahead of everything. */
  readonly #again: Uint8Array<ArrayBuffer>[] = [];
  #current: { readonly block: ReadBlock; sent: number } | null = null;
  #wake: (() => void) | null = null;
  #isAwake = false;
  #stopped = false;
  /** The smallest round trip that was ever seen: how far the peer is, however much waits on the way now. */
  #leastRttMs = Number.POSITIVE_INFINITY;

  constructor(options: PumpOptions) {
    this.#options = options;
  }

  /** Whether a lane over TCP does all the work. */
  get channelsRest(): boolean {
    return (
      this.#leastRttMs < NEAR_RTT_MS && [...this.#carriers.values()].some(({ lane }) => lane.kind === 'tcp')
    );
  }

  add(lane: Lane): void {
    const nothing = { sentBytes: 0, untoldBytes: 0 };
    this.#carriers.set(lane.id, { lane, ...nothing, restsSinceMs: null, isRetired: false });
    this.#count(lane);
    this.#restOrWork();
    this.wake();
  }

  lose(lane: Lane): void {
    if (!this.#carriers.delete(lane.id)) return;
    this.#flight.removeLane(lane.id);
    this.#restOrWork();
    this.#again.push(...this.#transit.lose(lane.id));
    this.wake();
  }

  /** Sends nothing more on a lane, and closes it when what is on its way there has arrived. */
  retire({ id }: Lane): void {
    const carrier = this.#carriers.get(id);
    if (!carrier || carrier.isRetired) return;
    carrier.isRetired = true;
    this.#restOrWork();
    this.#closeRetired(carrier);
  }

  /** @throws ProtocolViolation */
  arrived(lane: Lane, totalBytes: number): void {
    const carrier = this.#carriers.get(lane.id);
    if (!carrier) return;
    for (const frame of this.#transit.arrived(lane.id, totalBytes)) this.#frames.giveBack(frame);
    if (carrier.restsSinceMs === null && totalBytes > carrier.untoldBytes)
      this.#flight.received(lane.id, totalBytes - carrier.untoldBytes, this.#options.nowMs());
    this.#leastRttMs = Math.min(this.#leastRttMs, this.#flight.minRttMs ?? this.#leastRttMs);
    this.#closeRetired(carrier);
    this.wake();
  }

  /** There may be something to do: a block, room in flight, another lane. */
  wake(): void {
    this.#isAwake = true;
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.wake();
  }

  /** Until it is stopped. Rejects for what nobody expects. */
  async run(): Promise<void> {
    const looking = setInterval(() => this.#look(), LANES_LOOK_MS);
    try {
      while (!this.#stopped) {
        const isPaused = this.#options.isPaused();
        const lane = isPaused ? null : this.#choose();
        if (lane && (await this.#sendOn(lane))) continue;
        if (lane) this.#options.onDry();
        if (lane || isPaused) this.#flight.idle(this.#options.nowMs());
        await this.#sleep();
      }
    } finally {
      clearInterval(looking);
    }
  }

  #choose(): Lane | null {
    const nowMs = this.#options.nowMs();
    for (const { lane, restsSinceMs } of this.#carriers.values())
      if (lane.tellsQueue && restsSinceMs === null) this.#flight.queued(lane.id, lane.bufferedBytes);
    const id = this.#flight.choose(nowMs);
    const lane = id === null ? undefined : this.#carriers.get(id)?.lane;
    if (!lane) return null;
    if (lane.bufferedBytes < HIGH_WATER_BYTES) return lane;
    void lane.writable().then(() => this.wake());
    return null;
  }

  /** @returns false where there is nothing to send */
  async #sendOn(lane: Lane): Promise<boolean> {
    const again = this.#again.shift();
    if (again) {
      this.#send(lane, again);
      const frame = decodeLaneMessage(again);
      if (frame.kind === 'frame') this.#options.onSent(frame.payload.length);
      return true;
    }
    this.#current ??= await this.#nextBlock();
    if (!this.#current) return false;
    // Meanwhile it may have gone; the next round finds another.
    if (!this.#carriers.has(lane.id)) return true;
    const { block, sent } = this.#current;
    const end = Math.min(sent + this.#payloadBytes(lane), block.bytes.length);
    const isLast = end === block.bytes.length;
    const offset = block.index * BLOCK_BYTES + sent;
    this.#current.sent = end;
    const frame = encodeFrame(
      block.entry,
      offset,
      block.bytes.subarray(sent, end),
      isLast ? block.leaf : null,
      (lengthBytes) => this.#frames.take(lengthBytes),
    );
    if (isLast) {
      this.#current = null;
      this.#options.onSpent(block);
    }
    this.#send(lane, frame);
    this.#options.onSent(end - sent);
    return true;
  }

  async #nextBlock(): Promise<{ block: ReadBlock; sent: number } | null> {
    for (;;) {
      this.#isAwake = false;
      const next = this.#options.next();
      if (!next) return null;
      const block = await next;
      if (block) return { block, sent: 0 };
    }
  }

  #send(lane: Lane, frame: Uint8Array<ArrayBuffer>): void {
    const carrier = this.#carriers.get(lane.id);
    if (carrier) carrier.sentBytes += frame.length;
    this.#transit.sent(lane.id, frame);
    this.#flight.sent(lane.id, frame.length, this.#options.nowMs());
    try {
      lane.send(frame);
    } catch {
      lane.close();
    }
  }

  /** Short frames where the network is slow: a lane is then never kept busy by one of them for long. */
  #payloadBytes(lane: Lane): number {
    const share = ((this.#flight.bytesPerSecond ?? 0) / this.#carriers.size) * (FRAME_MS / 1000);
    const most = Math.min(MAX_FRAME_PAYLOAD_BYTES, lane.maxMessageBytes - FRAME_OVERHEAD_BYTES);
    const units = Math.floor(Math.min(share, most) / FRAME_UNIT_BYTES);
    return Math.max(1, units) * FRAME_UNIT_BYTES;
  }

  #look(): void {
    const nowMs = this.#options.nowMs();
    for (const id of [...this.#flight.stalled(nowMs), ...this.#restingTooLong(nowMs)])
      if (this.#carriers.size > 1) this.#again.push(...this.#transit.double(id));
    this.#restOrWork();
    for (const carrier of [...this.#carriers.values()]) this.#closeRetired(carrier);
    this.#options.onLook(this.#flight);
    this.wake();
  }

  /**
   * Between machines that are near each other the system's TCP fills the network by itself; with every byte on a data
   * channel the processors would do many times the work. Far from each other, all lanes carry what they can.
   */
  #restOrWork(): void {
    const channelsRest = this.channelsRest;
    for (const carrier of this.#carriers.values()) {
      const rests = carrier.isRetired || (channelsRest && carrier.lane.kind !== 'tcp');
      if (rests === (carrier.restsSinceMs !== null)) continue;
      carrier.restsSinceMs = rests ? this.#options.nowMs() : null;
      carrier.untoldBytes = carrier.sentBytes;
      if (rests) this.#flight.removeLane(carrier.lane.id);
      else this.#count(carrier.lane);
    }
  }

  #count({ id, kind }: Lane): void {
    if (kind === 'tcp') this.#flight.addLane(id, MIN_STREAM_IN_FLIGHT_MS);
    else this.#flight.addLane(id);
  }

  /** Lanes that are to carry nothing more, and do not bring what they have to its end. */
  #restingTooLong(nowMs: number): string[] {
    const late = ({ restsSinceMs }: Carrier) =>
      restsSinceMs !== null && nowMs - restsSinceMs > REST_TIMEOUT_MS;
    return [...this.#carriers.values()].filter(late).map(({ lane }) => lane.id);
  }

  #closeRetired({ lane, isRetired, restsSinceMs }: Carrier): void {
    if (!isRetired || restsSinceMs === null) return;
    const isLate = this.#options.nowMs() - restsSinceMs > REST_TIMEOUT_MS;
    if (isLate || this.#transit.on(lane.id).length === 0) lane.close();
  }

  /** Until something may have changed since it was last looked. */
  async #sleep(): Promise<void> {
    if (!this.#isAwake) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    this.#isAwake = false;
  }
}
