import { type BlockRef, blockLength } from '#protocol/block.ts';
import { type ArrivedBlock, BlockAssembly } from '#protocol/block-assembly.ts';
import { decodeSenderMessage, type SenderMessage } from '#protocol/control-message.ts';
import type { Entry, EntryId, FileEntry } from '#protocol/entry.ts';
import { ProtocolViolation, TransferError } from '#protocol/errors.ts';
import type { SecureSession } from '#protocol/handshake/secure-session.ts';
import type { Frame } from '#protocol/lane-message.ts';
import { equalBytes } from '#protocol/leaf-tree.ts';
import { BLOCK_BYTES, DEFAULT_CREDIT_BYTES } from '#protocol/limits.ts';
import { Receiver } from '#protocol/receiver.ts';
import { asTransferError } from './as-transfer-error.ts';
import { Deferred } from './deferred.ts';
import type { Delivery, Outstanding } from './delivery.ts';
import type { Reach } from './further-lanes.ts';
import { GOODBYE_TIMEOUT_MS } from './limits.ts';
import type { Platform } from './platform.ts';
import { Session, type SessionHandlers } from './session.ts';
import type { TransferProgress } from './transfer-progress.ts';

/** What is acknowledged in one message where more keeps arriving: half a block keeps credit flowing, 32 tiny files share. */
const FLUSH_AFTER_BYTES = BLOCK_BYTES / 2;
const FLUSH_AFTER_BLOCKS = 32;

/** Credit bounds what an honest sender sends; this bounds what a hostile one makes this side hold. */
const MAX_UNJUDGED_BYTES = 4 * DEFAULT_CREDIT_BYTES;

/** Whoever keeps a delivery going over its sessions. */
export interface DriverWatcher {
  /** Nothing has come for a while; or something has, again. */
  onSilence?(silent: boolean): void;
  /** Data has come. */
  onFrame?(): void;
  /** The session has ended before everything was durable. */
  onEnd?(error: TransferError): void;
}

/**
 * Fetches from one sender, for one session: puts frames together, hashes and judges blocks, has them written, and
 * answers.
 */
export class ReceiveDriver implements SessionHandlers<SenderMessage> {
  readonly session: Session<SenderMessage>;
  readonly decode = decodeSenderMessage;
  readonly #receiver: Receiver;
  readonly #platform: Platform;
  readonly #progress: TransferProgress;
  readonly #watcher: DriverWatcher;
  readonly #assembly = new BlockAssembly(
    (block) => this.#receiver.expectedLength(block),
    (block) => this.#copied(block),
  );
  #delivery: Delivery | null = null;
  /** Blocks and commits under way: nothing is finished before they are. */
  #busy = 0;
  /** Arrived whole, and not yet verified and written. */
  #judgedBytes = 0;
  #unflushedBlocks = 0;
  #unflushedBytes = 0;
  #idle: Deferred<void> | null = null;
  #finishing = false;
  /** What earlier processes left is being read again. */
  #rereading = false;
  /** Committed before, and no longer offered in this session. */
  #apart: Settled = { files: 0, bytes: 0 };
  #end: 'complete' | TransferError | null = null;
  readonly #offer = new Deferred<readonly Entry[]>();
  readonly #completion = new Deferred<void>();

  constructor(secure: SecureSession, reach: Reach, progress: TransferProgress, watcher: DriverWatcher = {}) {
    this.#platform = reach.platform;
    this.#progress = progress;
    this.#watcher = watcher;
    this.session = new Session(secure, reach, this);
    this.#receiver = new Receiver((message) => this.session.say(message));
    progress.followPausedFiles(() => {
      const { entries, entriesHere, entriesThere } = this.#receiver.paused;
      return [...entries]
        .filter((id) => this.#delivery?.lacks(this.#file(id).path))
        .map((id) => ({
          path: this.#file(id).path,
          here: entriesHere.has(id),
          there: entriesThere.has(id),
        }));
    });
  }

  /** The whole manifest. Rejects with the TransferError that ended the session before. */
  get offer(): Promise<readonly Entry[]> {
    return this.#offer.promise;
  }

  /** What ended the session, if that was no good end. */
  get failure(): TransferError | null {
    return this.#end === 'complete' ? null : this.#end;
  }

  /**
   * Fetches what a delivery still lacks; resolves when everything that could be had is durable and the sender has been
   * told. Once.
   * @throws TransferError when the session or the sink fails; nothing of the delivery is under way then
   */
  async fetch(delivery: Delivery): Promise<void> {
    try {
      const entries = await this.offer;
      if (this.#end) throw this.#end === 'complete' ? new TransferError('protocol-violation') : this.#end;
      this.#delivery = delivery;
      this.#begin(delivery, entries);
      await this.#completion.promise;
    } catch (error) {
      const failure = asTransferError(error, 'sink-failed');
      void this.session.end(failure.code === 'disk-full' ? 'disk-full' : 'sink-failed', failure);
      await this.#settleDown();
      throw failure;
    }
  }

  /** Ends it by the person's wish, and tells the sender; too late once everything is being made durable. */
  cancel(): void {
    if (!this.#finishing) void this.session.end('cancelled', new TransferError('cancelled'));
  }

  /** Holds the transfer up, or one file of it, or lets it go on. */
  pause(paused: boolean, path?: string): void {
    const entry = path === undefined ? undefined : this.#idOf(path);
    if (path !== undefined && entry === undefined) return;
    this.#receiver.pause(paused, entry);
    this.#showPause();
  }

  /** Whether a person holds all up, here or there. */
  get isPaused(): boolean {
    return this.#receiver.paused.all;
  }

  /** Gives one file up by a person's wish. @returns false where this session cannot: it has not begun, or is over */
  cancelFile(path: string): boolean {
    const entry = this.#idOf(path);
    if (entry === undefined || !this.#delivery || this.#end) return false;
    this.#receiver.cancel(entry);
    this.#advance();
    return true;
  }

  onControl(message: SenderMessage): void {
    this.#receiver.hear(message);
    if (message.type === 'page' && this.#receiver.offer) this.#offer.resolve(this.#receiver.offer);
    if (message.type === 'pause') this.#showPause();
    if (message.type === 'lanes') this.session.widen(message.count);
    this.#advance();
  }

  onFrame(frame: Frame): void {
    this.#watcher.onFrame?.();
    this.#progress.addWireBytes(frame.payload.length);
    const block = this.#assembly.add(frame);
    if (this.#assembly.openBytes + this.#judgedBytes > MAX_UNJUDGED_BYTES)
      throw new ProtocolViolation('blocks come faster than they were asked for');
    if (!block) return;
    this.#receiver.arrived(block);
    this.#judgedBytes += block.bytes.length;
    void this.#judge(block);
  }

  onReceipt(): void {
    throw new ProtocolViolation('a sender reported receipt');
  }

  onLane(): void {
    const { state } = this.#progress.status;
    this.#progress.set({
      state: state === 'connecting' ? 'waiting' : state,
      lanes: this.session.lanes.length,
    });
    // What either side held up in an earlier session is said anew, or holds no more.
    this.#showPause();
  }

  onLaneLost(): void {
    this.#progress.set({ lanes: this.session.lanes.length });
  }

  onRoute(): void {
    this.#progress.set({ route: this.session.route, rttMs: this.session.rttMs });
  }

  onSilence(silent: boolean): void {
    this.#watcher.onSilence?.(silent);
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
    this.#completion.reject(error);
    this.#watcher.onEnd?.(error);
  }

  /** Asks for what the delivery lacks; what an earlier process wrote is read again meanwhile. */
  #begin(delivery: Delivery, entries: readonly Entry[]): void {
    const { outstanding, settled, abandoned } = delivery.remainder(entries);
    this.#apart = less(delivery.settled, settled);
    const held = new Map(
      outstanding.map(({ id, written, unread }) => [id, [...written.keys(), ...unread.keys()]] as const),
    );
    const ids = outstanding.map(({ id }) => id);
    for (const path of delivery.paused) this.pause(true, path);
    this.#receiver.choose(ids, { held, settled });
    for (const { id, written } of outstanding)
      for (const [index, leaf] of written) this.#receiver.kept({ entry: id, index }, leaf);
    this.#progress.set({ state: 'transferring', ...delivery.totals });
    for (const path of abandoned) void this.#discard(path);
    void this.#reread(delivery, outstanding);
    this.#advance();
  }

  /** What is unfinished first: the rest of it waits for that. */
  async #reread(delivery: Delivery, outstanding: readonly Outstanding[]): Promise<void> {
    this.#rereading = true;
    await this.#recheck(delivery, outstanding);
    await this.#prove(delivery);
    this.#rereading = false;
    this.#advance();
  }

  /** One block after the other: what is asked for meanwhile needs the disk too. */
  async #recheck(delivery: Delivery, outstanding: readonly Outstanding[]): Promise<void> {
    for (const { id, unread } of outstanding) {
      const file = this.#file(id);
      for (const index of [...unread.keys()]) {
        if (this.#end) return;
        this.#busy += 1;
        try {
          const lengthBytes = blockLength(file.sizeBytes, index);
          const leaf = await delivery.recheck(file.path, index, lengthBytes, this.#platform);
          if (leaf) this.#receiver.kept({ entry: id, index }, leaf);
          else this.#receiver.lost({ entry: id, index });
        } catch (error) {
          void this.session.end('internal', asTransferError(error));
        } finally {
          this.#done();
        }
      }
    }
  }

  /** Sees whether what earlier processes committed is still as it was. */
  async #prove(delivery: Delivery): Promise<void> {
    for (let path = delivery.unproven.next; path !== undefined; path = delivery.unproven.next) {
      if (this.#end) return;
      this.#busy += 1;
      try {
        if (!(await delivery.prove(path, this.#platform))) await this.#reopen(delivery, path);
      } catch (error) {
        void this.session.end('internal', asTransferError(error));
      } finally {
        this.#done();
      }
    }
  }

  /** Asks for what a committed file turned out to lack. */
  async #reopen(delivery: Delivery, path: string): Promise<void> {
    const before = delivery.settled;
    delivery.reopen(path);
    const { outstanding } = delivery.remainder(this.#receiver.offer ?? []);
    const again = outstanding.filter(({ id }) => this.#file(id).path === path);
    for (const { id, unread } of again) this.#receiver.reopen(id, unread.keys());
    if (again.length > 0) return this.#recheck(delivery, again);
    // The sender no longer offers it.
    this.#apart = less(this.#apart, less(before, delivery.settled));
    await this.#discard(path);
  }

  #copied(block: BlockRef): void {
    this.#receiver.copied(block);
    this.#unflushedBlocks += 1;
    this.#advance();
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
      this.#assembly.giveBack(block.bytes);
      this.#judgedBytes -= lengthBytes;
      this.#unflushedBlocks += 1;
      this.#unflushedBytes += lengthBytes;
      this.#done();
    }
  }

  async #write(block: ArrivedBlock): Promise<void> {
    const { entry, index, bytes, leaf } = block;
    try {
      await this.#delivery?.write(this.#file(entry).path, index, bytes, leaf);
      this.#receiver.written(block);
    } catch (error) {
      this.#sinkRefused(entry, error);
    }
  }

  async #commit(entry: EntryId, root: Uint8Array): Promise<void> {
    this.#busy += 1;
    try {
      await this.#delivery?.commit(this.#file(entry).path, root);
      this.#receiver.committed(entry);
    } catch (error) {
      this.#sinkRefused(entry, error);
    } finally {
      this.#done();
    }
  }

  #done(): void {
    this.#busy -= 1;
    this.#advance();
    if (this.#busy === 0) this.#idle?.resolve();
  }

  /** A full disk ends the transfer: nothing else would fit either. Anything else ends one file. */
  #sinkRefused(entry: EntryId, error: unknown): void {
    const failure = asTransferError(error, 'sink-failed');
    if (failure.code === 'disk-full') {
      this.#completion.reject(failure);
      return;
    }
    this.#receiver.fail(entry, 'sink-failed');
  }

  async #discard(path: string): Promise<void> {
    this.#busy += 1;
    await this.#delivery?.discard(path).catch(() => {});
    this.#done();
  }

  /** Says, commits and finishes what can be, after each event. */
  #advance(): void {
    const delivery = this.#delivery;
    if (!delivery) return;
    // Also after the session's end, for what was under way then: the next one does not know.
    for (const entry of this.#receiver.takeGivenUp()) {
      this.#assembly.drop(entry);
      void this.#discard(this.#file(entry).path);
    }
    for (const [entry, code] of this.#receiver.takeFailed()) delivery.fail(this.#file(entry).path, code);
    for (const entry of this.#receiver.takeChanged()) delivery.change(this.#file(entry).path);
    if (this.#end) return;
    for (const { entry, root } of this.#receiver.takeCommittable()) void this.#commit(entry, root);
    const { unproven } = delivery;
    this.#progress.set({
      bytes: this.#apart.bytes + this.#receiver.bytes - unproven.bytes,
      filesDone: this.#apart.files + this.#receiver.filesDone - unproven.files,
    });
    const isMuch = this.#unflushedBlocks >= FLUSH_AFTER_BLOCKS || this.#unflushedBytes >= FLUSH_AFTER_BYTES;
    if (this.#busy > 0 && !isMuch) return;
    this.#unflushedBlocks = 0;
    this.#unflushedBytes = 0;
    this.#receiver.flush();
    const isAllHere = this.#receiver.settled && this.#busy === 0 && !this.#rereading;
    if (!this.#end && isAllHere && !this.#finishing) void this.#finish(delivery);
  }

  async #finish(delivery: Delivery): Promise<void> {
    this.#finishing = true;
    try {
      await delivery.finish();
      this.#receiver.complete();
      // An honest sender answers at once: this one has not heard it.
      const unheard = new TransferError('peer-silent', 'no answer to the last word');
      const unanswered = setTimeout(() => this.session.abort(unheard), GOODBYE_TIMEOUT_MS);
      await this.session.closed;
      clearTimeout(unanswered);
      if (this.#end === 'complete') this.#completion.resolve();
      else this.#completion.reject(this.#end);
    } catch (error) {
      this.#completion.reject(error);
    }
  }

  /** Waits until the sink has nothing under way. */
  async #settleDown(): Promise<void> {
    if (this.#busy === 0) return;
    this.#idle = new Deferred();
    await this.#idle.promise;
  }

  #showPause(): void {
    const { here, there } = this.#receiver.paused;
    this.#progress.set({ paused: { here, there } });
  }

  #idOf(path: string): EntryId | undefined {
    const id = this.#receiver.offer?.findIndex((entry) => entry.path === path) ?? -1;
    return id < 0 ? undefined : id;
  }

  #file(id: EntryId): FileEntry {
    const entry = this.#receiver.offer?.[id];
    if (entry?.kind !== 'file') throw new Error(`entry ${id} is no file`);
    return entry;
  }
}

interface Settled {
  readonly files: number;
  readonly bytes: number;
}

function less(some: Settled, others: Settled): Settled {
  return { files: some.files - others.files, bytes: some.bytes - others.bytes };
}
