import { appendToRanges, type BlockRef, blockLength } from './block.ts';
import { Comparison } from './comparison.ts';
import type { FileFailure, ReceiverMessage, SenderMessage } from './control-message.ts';
import type { Entry, EntryId, FileEntry } from './entry.ts';
import { ProtocolViolation } from './errors.ts';
import { equalBytes } from './leaf-tree.ts';
import { DEFAULT_CREDIT_BYTES, MAX_BLOCK_ATTEMPTS, MAX_LIST_ITEMS } from './limits.ts';
import { ManifestAssembly } from './manifest.ts';
import { type OpenFile, openFile, wasAsked } from './open-file.ts';
import { type Paused, Pauses } from './pauses.ts';
import { RequestPlan } from './request-plan.ts';

/** What a receiver brings along from earlier sessions, by this session's ids. */
export interface Resumption {
  /** Blocks that are believed to be written. The driver says `kept` or `lost` of each, once. */
  readonly held?: ReadonlyMap<EntryId, Iterable<number>>;
  /** Files of the choice that are committed already and still offered: counted, not asked for. */
  readonly settled?: { readonly files: number; readonly bytes: number };
  /** Bytes that may be on their way or waiting to be written. */
  readonly creditBytes?: number;
}

/**
 * The receiver of one session as a state machine. It pulls: it fetches the manifest, asks for what was chosen and is not
 * held from earlier sessions, judges every block by its leaf and every file by its root, and acknowledges what is written.
 * Bytes, hashes, disks and lanes are its driver's (`transport/`).
 * @see docs/transfer-protocol.md "The receiver"
 */
export class Receiver {
  readonly #say: (message: ReceiverMessage) => void;
  #manifest: ManifestAssembly | null = null;
  #chosen: Set<EntryId> | null = null;
  #plan: RequestPlan | null = null;
  readonly #open = new Map<EntryId, OpenFile>();
  /** Files that something is held of, before their turn. */
  readonly #waiting = new Map<EntryId, OpenFile>();
  readonly #comparison: Comparison;
  readonly #pauses = new Pauses();
  /** How far settled files had been asked for: what may still be on its way. */
  readonly #settled = new Map<EntryId, number>();
  readonly #failed = new Map<EntryId, FileFailure>();
  /** What the sender had to give up and is not wanted. */
  readonly #unwanted = new Map<EntryId, FileFailure>();
  readonly #newlyFailed: EntryId[] = [];
  readonly #newlyChanged: EntryId[] = [];
  readonly #committable: EntryId[] = [];
  readonly #givenUp: EntryId[] = [];
  #acks: [EntryId, number, number][] = [];
  #creditBytes = DEFAULT_CREDIT_BYTES;
  /** Verified and not yet written, of all open files. */
  #unwrittenBytes = 0;
  #filesDone = 0;
  #bytes = 0;

  /** @param say called with each message for the sender, in order */
  constructor(say: (message: ReceiverMessage) => void) {
    this.#say = say;
    this.#comparison = new Comparison(say);
  }

  /** What is offered, once the manifest is whole. */
  get offer(): readonly Entry[] | null {
    return this.#manifest?.entries ?? null;
  }

  /** Bytes verified and written, those of earlier sessions included as far as they are known to be there. */
  get bytes(): number {
    return this.#bytes;
  }

  get filesDone(): number {
    return this.#filesDone;
  }

  /** Files given up by either side, and why. */
  get failed(): ReadonlyMap<EntryId, FileFailure> {
    return this.#failed;
  }

  /** Who holds the transfer up. It ends with the session: the driver says it again in the next. */
  get paused(): Paused {
    return this.#pauses;
  }

  /** Every chosen file is committed or given up. */
  get settled(): boolean {
    return this.#plan?.settled ?? false;
  }

  /** Takes in a sender's message. `route` and `bye` are the session's own and do nothing here. @throws ProtocolViolation */
  hear(message: SenderMessage): void {
    switch (message.type) {
      case 'manifest':
        if (this.#manifest) throw new ProtocolViolation('manifest announced twice');
        this.#manifest = new ManifestAssembly(message);
        this.#askForPages();
        break;
      case 'page':
        if (!this.#manifest) throw new ProtocolViolation('manifest page before its manifest');
        this.#manifest.add(message);
        this.#askForPages();
        break;
      case 'roots':
        for (const [entry, root] of message.roots) this.#hearRoot(entry, root);
        break;
      case 'leaves':
        this.#hearLeaves(message);
        break;
      case 'pause':
        if (message.entry !== undefined) this.#fileEntry(message.entry);
        this.#pauses.set('there', message.paused, message.entry);
        break;
      case 'failed':
        this.#hearFailed(message.entry, message.code);
        break;
    }
  }

  /**
   * Says what was chosen and starts to ask for what is not held of it, in this order. Folders among the ids cost nothing.
   * Once.
   * @param ids what is to be had in this session: files that are committed already are not among them
   */
  choose(ids: readonly EntryId[], resumption: Resumption = {}): void {
    const { held, settled = { files: 0, bytes: 0 }, creditBytes = DEFAULT_CREDIT_BYTES } = resumption;
    const entries = this.offer;
    if (!entries || this.#chosen) throw new Error('choose needs a whole manifest, once');
    const files = [...new Set(ids)].filter((id) => entries[id]?.kind === 'file');
    this.#chosen = new Set(files);
    let heldBytes = settled.bytes;
    for (const id of files) {
      const file = openFile(this.#fileEntry(id), held?.get(id));
      if (file.held.size === 0) continue;
      if (this.#failed.has(id)) this.#givenUp.push(id);
      else this.#waiting.set(id, file);
      for (const index of file.held) heldBytes += blockLength(file.entry.sizeBytes, index);
    }
    // What may be all here is only to be proven: that waits.
    const isAllHeld = (id: EntryId) => {
      const file = this.#waiting.get(id);
      return file !== undefined && file.held.size === file.blocks;
    };
    const inTurn = [...files.filter((id) => !isAllHeld(id)), ...files.filter(isAllHeld)];
    this.#plan = new RequestPlan(inTurn, (id) => this.#openFile(id), this.#say);
    // What the sender had to give up and nobody wants is no failure.
    for (const [entry, code] of this.#failed) {
      if (this.#chosen.has(entry)) continue;
      this.#failed.delete(entry);
      this.#unwanted.set(entry, code);
    }
    const totalBytes = files.reduce((sum, id) => sum + this.#fileEntry(id).sizeBytes, settled.bytes);
    this.#filesDone = settled.files;
    this.#bytes = settled.bytes;
    this.#say({ type: 'choice', files: settled.files + files.length, totalBytes, heldBytes });
    this.#creditBytes = creditBytes;
    this.#say({ type: 'credit', bytes: creditBytes });
    this.#plan?.ask();
  }

  /**
   * A file that was counted as settled is to be had after all: what is not held of it is asked for.
   * @param held as for `choose`
   */
  reopen(entry: EntryId, held: Iterable<number>): void {
    const { sizeBytes } = this.#fileEntry(entry);
    this.#chosen?.add(entry);
    this.#filesDone -= 1;
    this.#bytes -= sizeBytes;
    this.#waiting.set(entry, openFile(this.#fileEntry(entry), held));
    this.#plan?.add(entry);
    const code = this.#unwanted.get(entry);
    if (code) this.#giveUp(entry, code);
  }

  /**
   * The length of a block that has begun to arrive; null for one that is here, or no longer of use: a frame may come twice,
   * and late.
   * @throws ProtocolViolation for what was never asked for, and where the sender takes no heed of the credit
   */
  expectedLength({ entry, index }: BlockRef): number | null {
    // With room for what an honest sender no longer counts: blocks asked for again, and of files that it gave up.
    if (this.#unwrittenBytes > 4 * this.#creditBytes)
      throw new ProtocolViolation('more sent than the credit');
    const file = this.#open.get(entry);
    const mayCome = file ? wasAsked(file, index) : index < (this.#settled.get(entry) ?? 0);
    if (!mayCome) throw new ProtocolViolation('block never asked for');
    if (!file || file.arrived.has(index) || file.leaves.has(index)) return null;
    return blockLength(file.entry.sizeBytes, index);
  }

  /** All of a block is here: `verified` or `mismatched` will follow, once. */
  arrived({ entry, index }: BlockRef): void {
    this.#open.get(entry)?.arrived.add(index);
  }

  /**
   * The last frame came of a block of which no more is needed. It may have been asked for twice and be counted by the sender
   * still, so it is acknowledged once more; one that is judged or written now will be by itself.
   */
  copied(block: BlockRef): void {
    const file = this.#open.get(block.entry);
    if (file?.arrived.has(block.index) || file?.writing.has(block.index)) return;
    appendToRanges(this.#acks, block);
  }

  /**
   * A held block is there, and this is its leaf: it counts as written. Nothing happens where the file was given up, or the
   * block is not one that is held and undecided.
   */
  kept({ entry, index }: BlockRef, leaf: Uint8Array): void {
    const file = this.#open.get(entry) ?? this.#waiting.get(entry);
    if (!file?.held.has(index) || file.leaves.has(index)) return;
    file.leaves.set(index, leaf);
    file.written += 1;
    this.#bytes += blockLength(file.entry.sizeBytes, index);
    this.#judge(entry, file);
  }

  /** A held block is not there, or is not what was written: it is asked for like any other. Else as `kept`. */
  lost(block: BlockRef): void {
    const file = this.#open.get(block.entry) ?? this.#waiting.get(block.entry);
    if (!file?.held.has(block.index) || file.leaves.has(block.index)) return;
    this.#plan?.lost(block, file);
  }

  /**
   * A block arrived and matches the leaf that came with it.
   * @returns whether to write it: not where its file was given up
   */
  verified({ entry, index }: BlockRef, leaf: Uint8Array): boolean {
    const file = this.#open.get(entry);
    if (!file?.arrived.delete(index)) return false;
    file.leaves.set(index, leaf);
    file.writing.add(index);
    this.#unwrittenBytes += blockLength(file.entry.sizeBytes, index);
    this.#plan?.arrived(file);
    return true;
  }

  /** A block arrived and does not match its leaf: it is asked for again, and its file given up at the third time. */
  mismatched(block: BlockRef): void {
    const { entry, index } = block;
    const file = this.#open.get(entry);
    if (!file?.arrived.delete(index)) return;
    const times = (file.damaged.get(index) ?? 0) + 1;
    file.damaged.set(index, times);
    if (times >= MAX_BLOCK_ATTEMPTS) this.fail(entry, 'damaged');
    else this.#plan?.again(block);
  }

  /** A verified block is on the sink. */
  written({ entry, index }: BlockRef): void {
    const file = this.#open.get(entry);
    if (!file?.writing.delete(index)) return;
    const lengthBytes = blockLength(file.entry.sizeBytes, index);
    file.written += 1;
    this.#unwrittenBytes -= lengthBytes;
    this.#bytes += lengthBytes;
    appendToRanges(this.#acks, { entry, index });
    this.#judge(entry, file);
  }

  /** Files whose root matched and whose every byte is written, for the sink to commit; each is named once. */
  takeCommittable(): { readonly entry: EntryId; readonly root: Uint8Array<ArrayBuffer> }[] {
    return this.#committable.splice(0).flatMap((entry) => {
      const root = this.#open.get(entry)?.root;
      return root ? [{ entry, root }] : [];
    });
  }

  /** Files newly given up by either side, and why; each is named once. */
  takeFailed(): [EntryId, FileFailure][] {
    return this.#newlyFailed.splice(0).flatMap((entry): [EntryId, FileFailure][] => {
      const code = this.#failed.get(entry);
      return code ? [[entry, code]] : [];
    });
  }

  /** Files of which the sender turned out to have other blocks than an earlier session brought; each is named once. */
  takeChanged(): EntryId[] {
    return this.#newlyChanged.splice(0);
  }

  /** Files given up after something of them may have been written, for the sink to discard; each is named once. */
  takeGivenUp(): EntryId[] {
    return this.#givenUp.splice(0);
  }

  /** The sink gave the file its final name. */
  committed(entry: EntryId): void {
    if (!this.#open.has(entry)) return;
    this.#filesDone += 1;
    this.#settle(entry);
    this.#plan?.ask();
  }

  /** The file cannot be saved or trusted: it is given up and the sender told. */
  fail(entry: EntryId, code: FileFailure): void {
    if (this.#giveUp(entry, code)) this.#say({ type: 'failed', entry, code });
  }

  /** A person wants this file no longer. One that is verified and written stays. */
  cancel(entry: EntryId): void {
    if (!this.#open.get(entry)?.proven) this.fail(entry, 'cancelled');
  }

  /** A person holds all up, or one file, or lets it go on; the sender is told. What is on its way still comes. */
  pause(paused: boolean, entry?: EntryId): void {
    if (!this.#pauses.set('here', paused, entry)) return;
    this.#say(entry === undefined ? { type: 'pause', paused } : { type: 'pause', paused, entry });
  }

  /** Says what has gathered since the last call: acknowledgements, and requests for what comes next. */
  flush(): void {
    const acks = this.#acks;
    this.#acks = [];
    for (let i = 0; i < acks.length; i += MAX_LIST_ITEMS) {
      this.#say({ type: 'ack', blocks: acks.slice(i, i + MAX_LIST_ITEMS) });
    }
    this.#plan?.ask();
  }

  /** Everything chosen is settled and the sink has made it durable. */
  complete(): void {
    this.#say({ type: 'complete' });
  }

  #askForPages(): void {
    const pages = this.#manifest?.ask();
    if (pages) this.#say(pages);
  }

  #openFile(id: EntryId): OpenFile | null {
    if (this.#failed.has(id)) return null;
    const file = this.#waiting.get(id) ?? openFile(this.#fileEntry(id));
    this.#waiting.delete(id);
    this.#open.set(id, file);
    return file;
  }

  #hearRoot(entry: EntryId, root: Uint8Array): void {
    const file = this.#open.get(entry);
    if (!file) {
      if (this.#settled.has(entry)) return;
      throw new ProtocolViolation('root of a file that was not asked for');
    }
    if (file.asked < file.blocks || file.root) throw new ProtocolViolation('root that was not asked for');
    file.root = Uint8Array.from(root);
    this.#judge(entry, file);
  }

  #judge(entry: EntryId, file: OpenFile): void {
    if (!file.root || file.written < file.blocks) return;
    file.proven = equalBytes(file.leaves.root(), file.root);
    if (file.proven) this.#committable.push(entry);
    else if (file.compared || file.held.size === 0) this.fail(entry, 'source-changed');
    else this.#compare(entry, file);
  }

  /** Every block matched its leaf, so those of earlier sessions need not be those that the sender made its root of. */
  #compare(entry: EntryId, file: OpenFile): void {
    file.compared = true;
    // A single block's leaf makes the root: it is another, without asking.
    if (file.blocks === 1) this.#fetchAnew(entry, file, [0]);
    else this.#comparison.begin(entry, file);
  }

  #hearLeaves({ entry, first, leaves }: Extract<SenderMessage, { type: 'leaves' }>): void {
    const differing = this.#comparison.hear(entry, first, leaves);
    const file = this.#open.get(entry);
    if (!file || !differing) return;
    // The sender's root is not over its own leaves.
    if (differing.length === 0) this.fail(entry, 'source-changed');
    else this.#fetchAnew(entry, file, differing);
  }

  #fetchAnew(entry: EntryId, file: OpenFile, indices: readonly number[]): void {
    this.#newlyChanged.push(entry);
    file.leaves.forget(indices);
    file.written -= indices.length;
    for (const index of indices) {
      this.#bytes -= blockLength(file.entry.sizeBytes, index);
      this.#plan?.lost({ entry, index }, file);
    }
  }

  #hearFailed(entry: EntryId, code: FileFailure): void {
    this.#fileEntry(entry);
    this.#comparison.drop(entry);
    if (this.#chosen?.has(entry) === false) this.#unwanted.set(entry, code);
    else if (!this.#open.get(entry)?.proven) this.#giveUp(entry, code);
  }

  /** @returns false where the file was settled before: what is saved stays saved */
  #giveUp(entry: EntryId, code: FileFailure): boolean {
    if (this.#settled.has(entry) || this.#failed.has(entry)) return false;
    this.#failed.set(entry, code);
    this.#newlyFailed.push(entry);
    this.#comparison.stop(entry);
    if (this.#waiting.delete(entry) || this.#open.has(entry)) this.#givenUp.push(entry);
    this.#settle(entry);
    return true;
  }

  #settle(entry: EntryId): void {
    const file = this.#open.get(entry);
    if (!file) return;
    this.#open.delete(entry);
    this.#settled.set(entry, file.asked);
    this.#plan?.close(entry, file);
    for (const index of file.writing) this.#unwrittenBytes -= blockLength(file.entry.sizeBytes, index);
  }

  #fileEntry(id: EntryId): FileEntry {
    const entry = this.offer?.[id];
    if (entry?.kind !== 'file') throw new ProtocolViolation('no such file in the manifest');
    return entry;
  }
}
