import { appendToRanges, type BlockRef, blockLength } from './block.ts';
import type { FileFailure, ReceiverMessage, SenderMessage } from './control-message.ts';
import type { Entry, EntryId, FileEntry } from './entry.ts';
import { ProtocolViolation } from './errors.ts';
import { equalBytes } from './leaf-tree.ts';
import { DEFAULT_CREDIT_BYTES, MAX_BLOCK_ATTEMPTS, MAX_LIST_ITEMS } from './limits.ts';
import { ManifestAssembly } from './manifest.ts';
import { type OpenFile, openFile } from './open-file.ts';
import { RequestPlan } from './request-plan.ts';

/**
 * The receiver of one session as a state machine. It pulls: it fetches the manifest, asks for what was chosen,
 * judges every block by its leaf and every file by its root, and acknowledges what is written.
 * Bytes, hashes, disks and lanes are its driver's (`transport/`).
 * @see docs/transfer-protocol.md "The receiver"
 */
export class Receiver {
  readonly #say: (message: ReceiverMessage) => void;
  #manifest: ManifestAssembly | null = null;
  #chosen: ReadonlySet<EntryId> | null = null;
  #plan: RequestPlan | null = null;
  readonly #open = new Map<EntryId, OpenFile>();
  /** How far settled files had been asked for: what may still be on its way. */
  readonly #settled = new Map<EntryId, number>();
  readonly #failed = new Map<EntryId, FileFailure>();
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
  }

  /** What is offered, once the manifest is whole. */
  get offer(): readonly Entry[] | null {
    return this.#manifest?.entries ?? null;
  }

  /** Bytes verified and written. */
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
      case 'failed':
        this.#hearFailed(message.entry, message.code);
        break;
    }
  }

  /**
   * Says what was chosen and starts to ask for it, in this order. Folders among the ids cost nothing. Once.
   * @param creditBytes bytes that may be on their way or waiting to be written
   */
  choose(ids: readonly EntryId[], creditBytes: number = DEFAULT_CREDIT_BYTES): void {
    const entries = this.offer;
    if (!entries || this.#chosen) throw new Error('choose needs a whole manifest, once');
    const files = [...new Set(ids)].filter((id) => entries[id]?.kind === 'file');
    this.#chosen = new Set(files);
    this.#plan = new RequestPlan(files, (id) => this.#openFile(id), this.#say);
    // What the sender had to give up and nobody wants is no failure.
    for (const entry of this.#failed.keys()) if (!this.#chosen.has(entry)) this.#failed.delete(entry);
    const totalBytes = files.reduce((sum, id) => sum + (entries[id] as FileEntry).sizeBytes, 0);
    this.#say({ type: 'choice', files: files.length, totalBytes, heldBytes: 0 });
    this.#creditBytes = creditBytes;
    this.#say({ type: 'credit', bytes: creditBytes });
    this.#plan?.ask();
  }

  /**
   * The length of a block that was asked for and has begun to arrive.
   * @throws ProtocolViolation for any other block, and where the sender takes no heed of the credit
   */
  expectedLength({ entry, index }: BlockRef): number {
    // With room for what an honest sender no longer counts: blocks asked for again, and of files that it gave up.
    if (this.#unwrittenBytes > 4 * this.#creditBytes)
      throw new ProtocolViolation('more sent than the credit');
    const asked = this.#open.get(entry)?.asked ?? this.#settled.get(entry) ?? 0;
    if (index >= asked) throw new ProtocolViolation('block never asked for');
    return blockLength(this.#fileEntry(entry).sizeBytes, index);
  }

  /**
   * A block arrived and matches the leaf that came with it.
   * @returns whether to write it: not where it came twice, or its file is settled
   */
  verified(block: BlockRef, leaf: Uint8Array): boolean {
    const { entry, index } = block;
    const file = this.#open.get(entry);
    if (!file || file.leaves.has(index)) {
      this.#acknowledgeCopy(block);
      if (file && !file.proven && !file.leaves.set(index, leaf)) this.fail(entry, 'source-changed');
      return false;
    }
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
    if (!file || file.leaves.has(index)) {
      this.#acknowledgeCopy(block);
      return;
    }
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
  takeCommittable(): EntryId[] {
    return this.#committable.splice(0).filter((entry) => this.#open.has(entry));
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

  /** One more copy of a block that is known: the sender counts each, so each is acknowledged. One being written will be. */
  #acknowledgeCopy(block: BlockRef): void {
    if (!this.#open.get(block.entry)?.writing.has(block.index)) appendToRanges(this.#acks, block);
  }

  #askForPages(): void {
    const pages = this.#manifest?.ask();
    if (pages) this.#say(pages);
  }

  #openFile(id: EntryId): OpenFile | null {
    if (this.#failed.has(id)) return null;
    const file = openFile(this.#fileEntry(id));
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
    file.root = root;
    this.#judge(entry, file);
  }

  #judge(entry: EntryId, file: OpenFile): void {
    if (!file.root || file.written < file.blocks) return;
    file.proven = equalBytes(file.leaves.root(), file.root);
    // Every block matched its leaf, so the leaves were not those that the sender made its root of.
    if (file.proven) this.#committable.push(entry);
    else this.fail(entry, 'source-changed');
  }

  #hearFailed(entry: EntryId, code: FileFailure): void {
    this.#fileEntry(entry);
    if (this.#chosen?.has(entry) === false || this.#open.get(entry)?.proven) return;
    this.#giveUp(entry, code);
  }

  /** @returns false where the file was settled before: what is saved stays saved */
  #giveUp(entry: EntryId, code: FileFailure): boolean {
    if (this.#settled.has(entry) || this.#failed.has(entry)) return false;
    this.#failed.set(entry, code);
    if (this.#open.has(entry)) this.#givenUp.push(entry);
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
