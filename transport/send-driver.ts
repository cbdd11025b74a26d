import { decodeReceiverMessage, type ReceiverMessage } from '#protocol/control-message.ts';
import type { EntryId } from '#protocol/entry.ts';
import { ProtocolViolation, TransferError } from '#protocol/errors.ts';
import type { Flight } from '#protocol/flight/flight.ts';
import { LaneCount } from '#protocol/flight/lane-count.ts';
import type { SecureSession } from '#protocol/handshake/secure-session.ts';
import { MAX_LANES } from '#protocol/limits.ts';
import type { Manifest } from '#protocol/manifest.ts';
import { Sender } from '#protocol/sender.ts';
import { BlockReader } from './block-reader.ts';
import type { FileSource } from './file-source.ts';
import { FramePump } from './frame-pump.ts';
import type { Reach } from './further-lanes.ts';
import type { Lane } from './lane.ts';
import { LANES_AGAIN_MS } from './limits.ts';
import type { Platform } from './platform.ts';
import { isRecoverable } from './recoverable.ts';
import { Session, type SessionHandlers } from './session.ts';
import type { TransferProgress } from './transfer-progress.ts';

export interface SendDriverOptions {
  /** Told when nothing has come for a while, and when the way to the receiver is lost. */
  readonly onSilent?: () => void;
  /** Lanes that it may ask for, where others are served beside it. */
  readonly mostLanes?: number;
}

/** Serves one receiver: carries out the sender machine's tasks, and has what they bring sent over the session's lanes. */
export class SendDriver implements SessionHandlers<ReceiverMessage> {
  readonly session: Session<ReceiverMessage>;
  readonly decode = decodeReceiverMessage;
  readonly #sender: Sender;
  readonly #platform: Platform;
  readonly #progress: TransferProgress;
  readonly #onSilent: () => void;
  #gaveWay = false;
  readonly #pump: FramePump;
  readonly #laneCount: LaneCount;
  /** How many lanes the receiver was last asked for. */
  #wanted = { count: 1, saidMs: 0 };

  constructor(
    secure: SecureSession,
    reach: Reach,
    manifest: Manifest,
    source: FileSource,
    progress: TransferProgress,
    { onSilent = () => {}, mostLanes = MAX_LANES }: SendDriverOptions = {},
  ) {
    this.#onSilent = onSilent;
    this.#laneCount = new LaneCount(mostLanes);
    const { platform } = reach;
    this.#platform = platform;
    this.#progress = progress;
    this.session = new Session(secure, reach, this);
    this.#sender = new Sender(manifest, (message) => this.session.say(message));
    const reader = new BlockReader(this.#sender, source, platform, () => progress.set({}));
    this.#pump = new FramePump({
      next: () => reader.next(),
      onSpent: (block) => reader.spent(block),
      isPaused: () => this.#sender.paused.all,
      onDry: () => this.#sender.flush(),
      onSent: (bytes) => progress.addWireBytes(bytes),
      onLook: (flight) => this.#look(flight),
      nowMs: () => platform.nowMs(),
    });
    this.#pump.run().catch((error: unknown) => {
      const message = error instanceof Error ? error.message : 'pump failed';
      void this.session.end('internal', new TransferError('internal', message, { cause: error }));
    });
    const pathOf = (id: EntryId) => manifest.entries[id]?.path ?? '';
    progress.followFailures(this.#sender.failed, pathOf);
    progress.followPausedFiles(() => {
      const { entries, entriesHere, entriesThere } = this.#sender.paused;
      return [...entries]
        .filter((id) => !this.#sender.failed.has(id))
        .map((id) => ({ path: pathOf(id), here: entriesHere.has(id), there: entriesThere.has(id) }));
    });
  }

  onControl(message: ReceiverMessage): void {
    this.#sender.hear(message);
    const { choice, acknowledgedBytes, completed } = this.#sender;
    if (message.type === 'choice' && choice) {
      const { files, totalBytes } = choice;
      this.#progress.set({ state: 'transferring', files, totalBytes, bytes: acknowledgedBytes });
    }
    if (message.type === 'pause') this.#showPause();
    this.#progress.set({ bytes: acknowledgedBytes });
    if (completed) void this.session.end('complete', null);
    this.#pump.wake();
  }

  /** Whether the receiver has said in this session what it takes. */
  get hasChosen(): boolean {
    return this.#sender.choice !== null;
  }

  /** Files that this session has yet to bring. */
  get underWay(): ReadonlySet<EntryId> {
    return this.#sender.underWay;
  }

  /** Holds the transfer up, or one file of it, or lets it go on; the receiver is told. */
  pause(paused: boolean, entry?: EntryId): void {
    this.#sender.pause(paused, entry);
    this.#showPause();
    this.#pump.wake();
  }

  /** Gives one file up by a person's wish; the receiver is told. */
  cancelFile(entry: EntryId): void {
    this.#sender.cancel(entry);
    this.#progress.set({});
    this.#pump.wake();
  }

  /** The receiver is here in another session: this one ends without a word, and nobody is shown that. */
  giveWay(): void {
    this.#gaveWay = true;
    this.session.abort(new TransferError('connection-lost', 'the receiver came back another way'));
  }

  #showPause(): void {
    const { here, there } = this.#sender.paused;
    this.#progress.set({ paused: { here, there } });
  }

  onSilence(silent: boolean): void {
    const { state } = this.#progress.status;
    if (silent && state === 'transferring') this.#progress.set({ state: 'reconnecting' });
    if (!silent && state === 'reconnecting') this.#progress.set({ state: 'transferring' });
    if (silent) this.#onSilent();
  }

  onFrame(): void {
    throw new ProtocolViolation('a receiver sent a frame');
  }

  onReceipt(lane: Lane, totalBytes: number): void {
    this.#pump.arrived(lane, totalBytes);
  }

  onLane(lane: Lane): void {
    this.#pump.add(lane);
    const { state } = this.#progress.status;
    this.#progress.set({
      state: state === 'connecting' ? 'waiting' : state,
      lanes: this.session.lanes.length,
    });
    // What either side held up in an earlier session is said anew, or holds no more.
    this.#showPause();
  }

  onLaneLost(lane: Lane): void {
    this.#pump.lose(lane);
    this.#progress.set({ lanes: this.session.lanes.length });
  }

  onRoute(): void {
    this.#progress.set({ route: this.session.route, rttMs: this.session.rttMs });
  }

  onEnd(end: 'complete' | TransferError): void {
    this.#pump.stop();
    if (this.#gaveWay) return;
    const [firstFailed] = this.#progress.failures;
    const { state } = this.#progress.status;
    // Whoever has chosen, in this session or in one before, comes back and is served on.
    const hasChosen = state === 'transferring' || state === 'reconnecting';
    if (end !== 'complete' && isRecoverable(end) && hasChosen) {
      this.#progress.set({ state: 'reconnecting', lanes: 0 });
      this.#onSilent();
    } else if (end !== 'complete') this.#progress.set({ state: 'failed', error: end });
    else if (!this.#sender.completed) this.#endedEarly();
    else if (firstFailed)
      this.#progress.set({
        state: 'failed',
        filesDone: Math.max(0, this.#files - this.#progress.failures.length),
        error: new TransferError(firstFailed.code),
      });
    else this.#progress.set({ state: 'done', filesDone: this.#files });
  }

  /** Chosen files. */
  get #files(): number {
    return this.#sender.choice?.files ?? 0;
  }

  /** A receiver that says `bye: complete` without having completed has not taken everything it chose. */
  #endedEarly(): void {
    const error = new TransferError('protocol-violation', 'complete before it was', { source: 'remote' });
    this.#progress.set({ state: 'failed', error });
  }

  /** Asks for data channels, or lets the newest go, as it pays. */
  #look(flight: Flight): void {
    if (this.#pump.channelsRest) return;
    const nowMs = this.#platform.nowMs();
    const lanes = this.session.channels;
    const { deliveredBytes, sentFrames, networkLimited, minRttMs } = flight;
    const wanted = this.#laneCount.observe({
      lanes: lanes.length,
      deliveredBytes,
      sentFrames,
      networkLimited,
      minRttMs,
      nowMs,
    });
    for (const lane of lanes.slice(wanted)) this.#pump.retire(lane);
    const isNews = wanted !== this.#wanted.count || nowMs - this.#wanted.saidMs > LANES_AGAIN_MS;
    if (lanes.length >= wanted || this.session.lanes.length === 0 || !isNews) return;
    this.#wanted = { count: wanted, saidMs: nowMs };
    this.session.say({ type: 'lanes', count: wanted });
  }
}
