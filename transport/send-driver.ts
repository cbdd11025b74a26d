import { decodeReceiverMessage, type ReceiverMessage } from '#protocol/control-message.ts';
import type { EntryId } from '#protocol/entry.ts';
import { ProtocolViolation, TransferError } from '#protocol/errors.ts';
import type { SecureSession } from '#protocol/handshake/secure-session.ts';
import { encodeFrame, FRAME_OVERHEAD_BYTES } from '#protocol/lane-message.ts';
import { BLOCK_BYTES, FRAME_PAYLOAD_BYTES } from '#protocol/limits.ts';
import type { Manifest } from '#protocol/manifest.ts';
import { Sender, type SenderTask } from '#protocol/sender.ts';
import type { FileSource } from './file-source.ts';
import type { Lane } from './lane.ts';
import { READ_AHEAD_BLOCKS, READ_AHEAD_BYTES } from './limits.ts';
import type { Platform } from './platform.ts';
import { isRecoverable } from './recoverable.ts';
import { Session, type SessionHandlers } from './session.ts';
import type { TransferProgress } from './transfer-progress.ts';

/** A block on its way through the pipeline: its bytes are read, its leaf may still be in the making. */
interface ReadBlock {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly leaf: Promise<Uint8Array<ArrayBuffer>>;
}

interface Prepared {
  readonly task: SenderTask;
  readonly costBytes: number;
  /** Null where there is nothing to send: a task without a block of its own, or a file that was given up. */
  readonly block: Promise<ReadBlock | null>;
}

/** Roots wait for each other until this much has been sent, so that small files share messages. */
const FLUSH_AFTER_BYTES = BLOCK_BYTES / 4;

/**
 * Serves one receiver: carries out the sender machine's tasks on the session's lanes. Each lane has a pump of its
 * own that reads and hashes ahead of what it sends.
 */
export class SendDriver implements SessionHandlers<ReceiverMessage> {
  readonly session: Session<ReceiverMessage>;
  readonly decode = decodeReceiverMessage;
  readonly #sender: Sender;
  readonly #source: FileSource;
  readonly #platform: Platform;
  readonly #progress: TransferProgress;
  readonly #onSilent: () => void;
  #gaveWay = false;
  readonly #pumps = new Map<string, { alive: boolean }>();
  #wakers: (() => void)[] = [];

  /** @param onSilent told when nothing has come for a while */
  constructor(
    secure: SecureSession,
    platform: Platform,
    manifest: Manifest,
    source: FileSource,
    progress: TransferProgress,
    onSilent: () => void = () => {},
  ) {
    this.#onSilent = onSilent;
    this.#platform = platform;
    this.#source = source;
    this.#progress = progress;
    this.session = new Session(secure, platform, this);
    this.#sender = new Sender(manifest, (message) => this.session.say(message));
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
    this.#wake();
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
    this.#wake();
  }

  /** Gives one file up by a person's wish; the receiver is told. */
  cancelFile(entry: EntryId): void {
    this.#sender.cancel(entry);
    this.#progress.set({});
    this.#wake();
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

  onLane(lane: Lane): void {
    const pump = { alive: true };
    this.#pumps.set(lane.id, pump);
    const { state } = this.#progress.status;
    this.#progress.set({ state: state === 'connecting' ? 'waiting' : state, lanes: this.#pumps.size });
    // What either side held up in an earlier session is said anew, or holds no more.
    this.#showPause();
    this.#pump(lane, pump).catch((error: unknown) => {
      const cause = new TransferError('internal', error instanceof Error ? error.message : 'pump failed', {
        cause: error,
      });
      void this.session.end('internal', cause);
    });
  }

  onLaneLost(lane: Lane): void {
    const pump = this.#pumps.get(lane.id);
    if (pump) pump.alive = false;
    this.#pumps.delete(lane.id);
    this.#sender.laneLost(lane.id);
    this.#progress.set({ lanes: this.#pumps.size });
    this.#wake();
  }

  onRoute(): void {
    this.#progress.set({ route: this.session.route, rttMs: this.session.rttMs });
  }

  onEnd(end: 'complete' | TransferError): void {
    for (const pump of this.#pumps.values()) pump.alive = false;
    this.#wake();
    if (this.#gaveWay) return;
    const [firstFailed] = this.#progress.failures;
    const { state } = this.#progress.status;
    // Whoever has chosen, in this session or in one before, comes back and is served on.
    const hasChosen = state === 'transferring' || state === 'reconnecting';
    if (end !== 'complete' && isRecoverable(end) && hasChosen)
      this.#progress.set({ state: 'reconnecting', lanes: 0 });
    else if (end !== 'complete') this.#progress.set({ state: 'failed', error: end });
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

  async #pump(lane: Lane, pump: { alive: boolean }): Promise<void> {
    const ahead: Prepared[] = [];
    let aheadBytes = 0;
    let unflushedBytes = 0;
    while (pump.alive) {
      while (aheadBytes < READ_AHEAD_BYTES && ahead.length < READ_AHEAD_BLOCKS) {
        const task = this.#sender.take(lane.id);
        if (!task) break;
        const prepared = this.#prepare(task);
        aheadBytes += prepared.costBytes;
        ahead.push(prepared);
      }
      const next = ahead.shift();
      if (!next) {
        this.#sender.flush();
        await this.#somethingToDo();
        continue;
      }
      const block = await next.block;
      aheadBytes -= next.costBytes;
      if (block && next.task.type === 'send') await this.#send(lane, pump, next.task, block);
      unflushedBytes += next.costBytes;
      if (unflushedBytes >= FLUSH_AFTER_BYTES) {
        this.#sender.flush();
        unflushedBytes = 0;
      }
    }
    // What was read ahead and not sent is served by other lanes; here its failures have nobody to tell.
    await Promise.allSettled(ahead.map(({ block }) => block));
  }

  #prepare(task: SenderTask): Prepared {
    if (task.type === 'confirm') return { task, costBytes: 0, block: this.#confirm(task.entry) };
    return { task, costBytes: task.lengthBytes, block: this.#read(task) };
  }

  async #confirm(entry: EntryId): Promise<null> {
    try {
      await this.#source.confirmUnchanged(entry);
      this.#sender.confirmed(entry);
    } catch (error) {
      this.#giveUp(entry, error);
    }
    return null;
  }

  async #read({ block, lengthBytes }: Exclude<SenderTask, { type: 'confirm' }>): Promise<ReadBlock | null> {
    try {
      const bytes = await this.#source.read(block.entry, block.index * BLOCK_BYTES, lengthBytes);
      const leaf = this.#platform.sha256(bytes);
      leaf.then(
        (hash) => {
          this.#sender.hashed(block, hash);
          this.#wake();
        },
        (error: unknown) => this.#giveUp(block.entry, error),
      );
      return { bytes, leaf };
    } catch (error) {
      this.#giveUp(block.entry, error);
      return null;
    }
  }

  #giveUp(entry: EntryId, error: unknown): void {
    const code =
      error instanceof TransferError && error.code === 'source-changed'
        ? 'source-changed'
        : 'source-unreadable';
    this.#sender.fail(entry, code);
    this.#progress.set({});
  }

  /** A block goes out whole and in order on one lane; its leaf ends its last frame. */
  async #send(
    lane: Lane,
    pump: { alive: boolean },
    { block }: Extract<SenderTask, { type: 'send' }>,
    { bytes, leaf }: ReadBlock,
  ): Promise<void> {
    const step = Math.min(FRAME_PAYLOAD_BYTES, lane.maxMessageBytes - FRAME_OVERHEAD_BYTES);
    for (let start = 0; start < bytes.length; start += step) {
      await lane.writable();
      const end = Math.min(start + step, bytes.length);
      const lastLeaf = end === bytes.length ? await leaf : null;
      if (!pump.alive) return;
      try {
        lane.send(
          encodeFrame(block.entry, block.index * BLOCK_BYTES + start, bytes.subarray(start, end), lastLeaf),
        );
      } catch {
        lane.close();
        return;
      }
      this.#progress.addWireBytes(end - start);
    }
  }

  #somethingToDo(): Promise<void> {
    return new Promise((resolve) => this.#wakers.push(resolve));
  }

  #wake(): void {
    for (const waker of this.#wakers.splice(0)) waker();
  }
}
