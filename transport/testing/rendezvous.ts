import { blockCount } from '#protocol/block.ts';
import { TransferError } from '#protocol/errors.ts';
import { LINK, pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import { decodeLaneMessage } from '#protocol/lane-message.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { Manifest } from '#protocol/manifest.ts';
import type { FileSource } from '../file-source.ts';
import type { Meeting } from '../first-lane.ts';
import { OpenedShare } from '../opened-share.ts';
import { Places } from '../places.ts';
import type { Platform } from '../platform.ts';
import type { ReceiverStatus } from '../sharing.ts';
import { TransferProgress } from '../transfer-progress.ts';
import type { TransferStatus } from '../transfer-status.ts';
import { type MemoryDisk, MemorySource } from './memory-files.ts';
import { type MemoryLane, pairedLanes } from './memory-lane.ts';
import { connected, NO_OTHERS } from './raw-peer.ts';

export interface MemoryFile {
  readonly path: string;
  readonly content: Uint8Array;
}

interface SenderProcess {
  readonly source: FileSource;
  readonly places: Places;
}

let runs = 0;

/**
 * Where a receiver meets a sender over and over, in memory: each time with new keys and a new lane, as a handshake at the
 * link would. Networks, and either process, can be taken away.
 */
export class Rendezvous {
  /** Snapshots as people would be shown them, on either side. */
  readonly sent: ReceiverStatus[] = [];
  readonly received: TransferStatus[] = [];
  /** Of each meeting, the latest last. */
  readonly lanes: { readonly sender: MemoryLane; readonly receiver: MemoryLane }[] = [];
  /** Blocks that were sent in a session though they were on the disk when it began, as `path:index`. */
  readonly resent: string[] = [];
  /** Called with the number of frames sent so far. */
  onFrame: (frames: number) => void = () => {};
  /** Awaited by each meeting; what it throws ends the attempt. */
  onMeeting: (signal?: AbortSignal) => void | Promise<void> = () => {};
  /** How often a receiver has tried to meet the sender. */
  attempts = 0;
  wireBytes = 0;
  readonly #platform: Platform;
  readonly #disk: MemoryDisk;
  #process: SenderProcess | null = null;
  #frames = 0;

  constructor(platform: Platform, disk: MemoryDisk) {
    this.#platform = platform;
    this.#disk = disk;
  }

  get places(): Places {
    if (!this.#process) throw new Error('no sender');
    return this.#process.places;
  }

  /** A sender's process, in place of the one before. */
  startSender(files: readonly MemoryFile[]): void {
    const source = new MemorySource(files);
    const places = new Places({
      platform: this.#platform,
      manifest: new Manifest(source.entries),
      source,
      onReceiver: (status) => this.sent.push(status),
      onSilent: () => {},
    });
    this.#process = { source, places };
  }

  /** The process is gone, and its lanes with it; nobody is told. */
  killSender(): void {
    this.#process = null;
    this.cut();
  }

  /**
   * Opens the share as a receiver's process would.
   * @param laterId what it calls its delivery when it comes again: another, and the sender does not know it
   */
  async open(signal?: AbortSignal, deliveryId = 'delivery', laterId = deliveryId): Promise<OpenedShare> {
    const progress = new TransferProgress(
      () => this.#platform.nowMs(),
      (status) => this.received.push(status),
    );
    const meeting = await this.meet(deliveryId);
    return OpenedShare.open('link', meeting, {
      platform: this.#platform,
      progress,
      deliveryId,
      meetAgain: (stop) => this.meet(laterId, stop),
      ...(signal && { signal }),
    });
  }

  async meet(deliveryId: string, signal?: AbortSignal): Promise<Meeting> {
    this.attempts += 1;
    await this.onMeeting(signal);
    const process = this.#process;
    if (!process) throw new TransferError('sender-gone');
    runs += 1;
    const keys = pairedRun(LINK, `${runs}`);
    const [sender, receiver] = pairedLanes();
    this.lanes.push({ sender, receiver });
    this.#watch(sender, process.source);
    const atSender = { secure: keys.sender, connected: connected(sender), ...NO_OTHERS };
    void process.places.serve(deliveryId, Promise.resolve(atSender));
    return { secure: keys.receiver, connected: connected(receiver), ...NO_OTHERS };
  }

  /** The network is gone, and both ends of every lane learn it. */
  cut(): void {
    for (const { sender, receiver } of this.lanes) {
      sender.drop('cut');
      receiver.drop('cut');
    }
  }

  /** Nothing arrives any more on the latest lane, and nobody learns it. */
  hush(): void {
    this.lanes.at(-1)?.sender.hold();
    this.lanes.at(-1)?.receiver.hold();
  }

  /** What was held up on this lane arrives. */
  unhush(at: number): void {
    this.lanes[at]?.sender.release();
    this.lanes[at]?.receiver.release();
  }

  /** Notes what a sender puts on a lane. */
  #watch(lane: MemoryLane, source: FileSource): void {
    const held = this.#held(source);
    const send = lane.send.bind(lane);
    lane.send = (message) => {
      const decoded = decodeLaneMessage(message);
      send(message);
      if (decoded.kind !== 'frame') return;
      const block = `${source.entries[decoded.entry]?.path}:${decoded.offset / BLOCK_BYTES}`;
      if (held.has(block)) this.resent.push(block);
      this.wireBytes += decoded.payload.length;
      this.#frames += 1;
      this.onFrame(this.#frames);
    };
  }

  #held(source: FileSource): Set<string> {
    const held = new Set<string>();
    for (const [key, { leaves }] of this.#disk.partials)
      for (const index of leaves.keys()) held.add(`${key.slice(key.indexOf('/') + 1)}:${index}`);
    for (const entry of source.entries) {
      if (entry.kind !== 'file' || !this.#disk.files.has(entry.path)) continue;
      for (let index = 0; index < blockCount(entry.sizeBytes); index += 1) held.add(`${entry.path}:${index}`);
    }
    return held;
  }
}
