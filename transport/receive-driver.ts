import { type ArrivedBlock, BlockAssembly } from '#protocol/block-assembly.ts';
import { decodeSenderMessage, type SenderMessage } from '#protocol/control-message.ts';
import type { Entry, EntryId } from '#protocol/entry.ts';
import { ProtocolViolation, TransferError } from '#protocol/errors.ts';
import type { SecureSession } from '#protocol/handshake/secure-session.ts';
import type { Frame } from '#protocol/lane-message.ts';
import { equalBytes } from '#protocol/leaf-tree.ts';
import { BLOCK_BYTES, DEFAULT_CREDIT_BYTES } from '#protocol/limits.ts';
import { Receiver } from '#protocol/receiver.ts';
import { asTransferError } from './as-transfer-error.ts';
import { Deferred } from './deferred.ts';
import type { Lane } from './lane.ts';
import { GOODBYE_TIMEOUT_MS } from './limits.ts';
import type { Platform } from './platform.ts';
import { Session, type SessionHandlers } from './session.ts';
import type { SavedEntry, Sink } from './sink.ts';
import type { TransferProgress } from './transfer-progress.ts';

/** What is acknowledged in one message where more keeps arriving: half a block keeps credit flowing, 32 tiny files share. */
const FLUSH_AFTER_BYTES = BLOCK_BYTES / 2;
const FLUSH_AFTER_BLOCKS = 32;

/** Credit bounds what an honest sender sends; this bounds what a hostile one makes this side hold. */
const MAX_JUDGED_BYTES = 4 * DEFAULT_CREDIT_BYTES;

/**
 * Fetches from one sender: puts frames together, hashes and judges blocks, writes them to the sink, and answers.
 */
export class ReceiveDriver implements SessionHandlers<SenderMessage> {
  readonly session: Session<SenderMessage>;
  readonly decode = decodeSenderMessage;
  readonly #receiver: Receiver;
  readonly #platform: Platform;
  readonly #progress: TransferProgress;
  readonly #assemblies = new Map<string, BlockAssembly>();
  #sink: Sink | null = null;
  /** Blocks and commits under way: nothing is finished before they are. */
  #busy = 0;
  /** Arrived, and not yet verified and written. */
  #judgedBytes = 0;
  #unflushedBlocks = 0;
  #unflushedBytes = 0;
  #idle: Deferred<void> | null = null;
  #fetching = false;
  #finishing = false;
  #end: 'complete' | TransferError | null = null;
  readonly #offer = new Deferred<readonly Entry[]>();
  readonly #delivery = new Deferred<readonly SavedEntry[]>();

  constructor(secure: SecureSession, platform: Platform, progress: TransferProgress) {
    this.#platform = platform;
    this.#progress = progress;
    this.session = new Session(secure, platform, this);
    this.#receiver = new Receiver((message) => this.session.say(message));
    progress.followFailures(this.#receiver.failed, (id) => this.#receiver.offer?.[id]?.path ?? '');
  }

  /** The whole manifest. Rejects with the TransferError that ended the session before. */
  get offer(): Promise<readonly Entry[]> {
    return this.#offer.promise;
  }

  /**
   * Fetches the chosen entries into the sink; resolves when everything that could be had is durable.
   * @throws TransferError when the session or the sink fails; the sink has been aborted then
   */
  async fetch(chosen: readonly EntryId[], sink: Sink): Promise<readonly SavedEntry[]> {
    const entries = await this.offer;
    const ids = [...new Set(chosen)];
    if (this.#fetching || ids.some((id) => !entries[id]))
      throw new TransferError('usage', 'chosen twice, or not offered');
    this.#fetching = true;
    try {
      await sink.open(
        ids.map((id) => ({ id, entry: entries[id] as Entry })),
        '',
      );
      if (this.#end) throw this.#end === 'complete' ? new TransferError('protocol-violation') : this.#end;
      this.#sink = sink;
      this.#receiver.choose(ids);
      this.#progress.set({ state: 'transferring', ...this.#totals(ids, entries) });
      this.#advance();
      return await this.#delivery.promise;
    } catch (error) {
      const failure = asTransferError(error, 'sink-failed');
      void this.session.end(failure.code === 'disk-full' ? 'disk-full' : 'sink-failed', failure);
      this.#progress.set({ state: 'failed', error: failure });
      await this.#settleDown();
      await sink.abort().catch(() => {});
      throw failure;
    }
  }

  /** Ends it by the person's wish, and tells the sender; too late once everything is being made durable. */
  cancel(): void {
    if (!this.#finishing) void this.session.end('cancelled', new TransferError('cancelled'));
  }

  onControl(message: SenderMessage): void {
    this.#receiver.hear(message);
    if (message.type === 'page' && this.#receiver.offer) this.#offer.resolve(this.#receiver.offer);
    this.#advance();
  }

  onFrame(frame: Frame, lane: Lane): void {
    this.#progress.addWireBytes(frame.payload.length);
    const block = this.#assemblies.get(lane.id)?.add(frame);
    if (!block) return;
    this.#judgedBytes += block.bytes.length;
    if (this.#judgedBytes > MAX_JUDGED_BYTES)
      throw new ProtocolViolation('blocks come faster than they were asked for');
    void this.#judge(block);
  }

  onLane(lane: Lane): void {
    this.#assemblies.set(lane.id, new BlockAssembly((block) => this.#receiver.expectedLength(block)));
    const { state } = this.#progress.status;
    this.#progress.set({ state: state === 'connecting' ? 'waiting' : state, lanes: this.#assemblies.size });
  }

  onLaneLost(lane: Lane): void {
    this.#assemblies.delete(lane.id);
    this.#progress.set({ lanes: this.#assemblies.size });
  }

  onRoute(): void {
    this.#progress.set({ route: this.session.route, rttMs: this.session.rttMs });
  }

  onEnd(end: 'complete' | TransferError): void {
    this.#end = end;
    // Once everything is being made durable the sender's farewell changes nothing.
    if (this.#finishing) return;
    const error =
      end === 'complete'
        ? new TransferError('protocol-violation', 'the sender took its leave too early', { source: 'remote' })
        : end;
    this.#offer.reject(error);
    this.#delivery.reject(error);
    this.#progress.set({ state: 'failed', error });
  }

  async #judge(block: ArrivedBlock): Promise<void> {
    const lengthBytes = block.bytes.length;
    this.#busy += 1;
    try {
      const matches = equalBytes(await this.#platform.sha256(block.bytes), block.leaf);
      if (!matches) this.#receiver.mismatched(block);
      else if (!this.#end && this.#receiver.verified(block, block.leaf)) await this.#write(block);
    } catch (error) {
      void this.session.end('internal', asTransferError(error));
    } finally {
      this.#judgedBytes -= lengthBytes;
      this.#unflushedBlocks += 1;
      this.#unflushedBytes += lengthBytes;
      this.#done();
    }
  }

  async #write(block: ArrivedBlock): Promise<void> {
    const { entry, index, bytes } = block;
    try {
      await this.#sink?.write(entry, index * BLOCK_BYTES, bytes, block.leaf);
      this.#receiver.written(block);
    } catch (error) {
      this.#sinkRefused(entry, error);
    }
  }

  async #commit(entry: EntryId): Promise<void> {
    this.#busy += 1;
    try {
      await this.#sink?.commit(entry, new Uint8Array());
      this.#receiver.committed(entry);
    } catch (error) {
      this.#sinkRefused(entry, error);
    } finally {
      this.#done();
    }
  }

  #done(): void {
    this.#busy -= 1;
    if (this.#busy === 0) this.#idle?.resolve();
    this.#advance();
  }

  /** A full disk ends the transfer: nothing else would fit either. Anything else ends one file. */
  #sinkRefused(entry: EntryId, error: unknown): void {
    const failure = asTransferError(error, 'sink-failed');
    if (failure.code === 'disk-full') {
      this.#delivery.reject(failure);
      return;
    }
    this.#receiver.fail(entry, 'sink-failed');
  }

  async #discard(entry: EntryId): Promise<void> {
    this.#busy += 1;
    await this.#sink?.discard(entry).catch(() => {});
    this.#done();
  }

  /** Says, commits and finishes what can be, after each event. */
  #advance(): void {
    if (this.#end || !this.#sink) return;
    for (const entry of this.#receiver.takeCommittable()) void this.#commit(entry);
    for (const entry of this.#receiver.takeGivenUp()) void this.#discard(entry);
    this.#progress.set({ bytes: this.#receiver.bytes, filesDone: this.#receiver.filesDone });
    const isMuch = this.#unflushedBlocks >= FLUSH_AFTER_BLOCKS || this.#unflushedBytes >= FLUSH_AFTER_BYTES;
    if (this.#busy > 0 && !isMuch) return;
    this.#unflushedBlocks = 0;
    this.#unflushedBytes = 0;
    this.#receiver.flush();
    if (!this.#end && this.#receiver.settled && this.#busy === 0 && !this.#finishing)
      void this.#finish(this.#sink);
  }

  async #finish(sink: Sink): Promise<void> {
    this.#finishing = true;
    try {
      const saved = await sink.finish();
      this.#receiver.complete();
      const unanswered = setTimeout(() => void this.session.end('complete', null), GOODBYE_TIMEOUT_MS);
      await this.session.closed;
      clearTimeout(unanswered);
      const [firstFailed] = this.#receiver.failed.values();
      if (firstFailed) this.#progress.set({ state: 'failed', error: new TransferError(firstFailed) });
      else this.#progress.set({ state: 'done' });
      this.#delivery.resolve(saved);
    } catch (error) {
      this.#delivery.reject(error);
    }
  }

  /** Waits until the sink has nothing under way. */
  async #settleDown(): Promise<void> {
    if (this.#busy === 0) return;
    this.#idle = new Deferred();
    await this.#idle.promise;
  }

  #totals(chosen: readonly EntryId[], entries: readonly Entry[]): { files: number; totalBytes: number } {
    const files = chosen.map((id) => entries[id]).filter((entry) => entry?.kind === 'file');
    return { files: files.length, totalBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
  }
}
