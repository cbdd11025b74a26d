import { type BlockRange, type BlockRef, blockCount, blockLength, creditCost } from './block.ts';
import type { FileFailure, ReceiverMessage, SenderMessage } from './control-message.ts';
import type { Entry, EntryId } from './entry.ts';
import { ProtocolViolation } from './errors.ts';
import { LeafTree } from './leaf-tree.ts';
import { BLOCK_BYTES, DEFAULT_CREDIT_BYTES, MAX_LIST_ITEMS, MAX_PENDING_RANGES } from './limits.ts';
import type { Manifest } from './manifest.ts';
import { type Paused, Pauses } from './pauses.ts';

/**
 * The next thing for the sender's driver to do.
 * `send`: read the block, hash it, send its frames. `hash`: read and hash only (nobody asked
 * for these bytes, but the root covers them). `confirm`: every leaf is known; see that the file is still what was offered.
 * The driver answers with `hashed`, `confirmed` or `fail`.
 */
export type SenderTask =
  | { readonly type: 'send'; readonly block: BlockRef; readonly lengthBytes: number }
  | { readonly type: 'hash'; readonly block: BlockRef; readonly lengthBytes: number }
  | { readonly type: 'confirm'; readonly entry: EntryId };

/** Asked for and not yet served, in the order asked. */
type Asked = Range | Root;
type Range = { readonly type: 'range'; readonly entry: EntryId; next: number; readonly end: number };
type Root = { readonly type: 'root'; readonly entry: EntryId; nextUnknown: number };

interface OpenEntry {
  readonly sizeBytes: number;
  readonly leaves: LeafTree;
  rootAsked: boolean;
  confirming: boolean;
  /** Its root was told. The leaves are kept for a receiver that has some of its blocks from earlier. */
  told: boolean;
}

/**
 * The sender of one session as a state machine: what the receiver asked for goes in, tasks and messages come out.
 * It serves requests in order, never beyond the credit, and keeps a block's books until it is acknowledged; that every
 * frame of it arrives is the lanes' affair.
 * Bytes, lanes and hashes are its driver's (`transport/`).
 * @see docs/transfer-protocol.md "The sender"
 */
export class Sender {
  readonly #manifest: Manifest;
  readonly #say: (message: SenderMessage) => void;
  readonly #asked: Asked[] = [];
  readonly #open = new Map<EntryId, OpenEntry>();
  readonly #pauses = new Pauses();
  readonly #failed = new Map<EntryId, FileFailure>();
  /** Sent or being sent, not yet acknowledged. Keyed by `keyOf`. */
  readonly #outstanding = new Map<string, { block: BlockRef; cost: number }>();
  readonly #confirmable: EntryId[] = [];
  readonly #roots: [EntryId, Uint8Array][] = [];
  /** Sizes of the files whose roots have gathered. */
  #rootsBytes = 0;
  #creditBytes = DEFAULT_CREDIT_BYTES;
  #outstandingCost = 0;
  #acknowledgedBytes = 0;
  #choice: { files: number; totalBytes: number; heldBytes: number } | null = null;
  #completed = false;
  /** Whether the last task was to hash a block that nobody asked for. */
  #hashedLast = false;

  /** @param say called with each message for the receiver, in order */
  constructor(manifest: Manifest, say: (message: SenderMessage) => void) {
    this.#manifest = manifest;
    this.#say = say;
    for (const message of manifest.beginning()) say(message);
  }

  /** What the receiver took, once it has chosen. */
  get choice(): { readonly files: number; readonly totalBytes: number; readonly heldBytes: number } | null {
    return this.#choice;
  }

  /** Bytes the receiver has verified and written, those it held before included: as many as it believed to hold. */
  get acknowledgedBytes(): number {
    const { heldBytes, totalBytes } = this.#choice ?? { heldBytes: 0, totalBytes: 0 };
    return Math.min(totalBytes, heldBytes + this.#acknowledgedBytes);
  }

  /** Who holds the transfer up. It ends with the session: the driver says it again in the next. */
  get paused(): Paused {
    return this.#pauses;
  }

  /** Files of which something was asked for and is not yet served, or not yet acknowledged: bounded by both. */
  get underWay(): ReadonlySet<EntryId> {
    const sent = Array.from(this.#outstanding.values(), ({ block }) => block);
    const entries = [...this.#asked, ...sent].map(({ entry }) => entry);
    return new Set(entries.filter((entry) => !this.#failed.has(entry)));
  }

  /** Files given up by either side, and why. */
  get failed(): ReadonlyMap<EntryId, FileFailure> {
    return this.#failed;
  }

  /** The receiver has everything it chose, verified and on disk. */
  get completed(): boolean {
    return this.#completed;
  }

  /** Takes in a receiver's message. `route` and `bye` are the session's own and do nothing here. @throws ProtocolViolation */
  hear(message: ReceiverMessage): void {
    switch (message.type) {
      case 'pages':
        for (let i = 0; i < message.count; i += 1) this.#say(this.#manifest.page(message.first + i));
        break;
      case 'choice':
        this.#choose(message);
        break;
      case 'credit':
        this.#creditBytes = message.bytes;
        break;
      case 'request':
        this.#request(message.ranges, message.roots);
        break;
      case 'ack':
        for (const range of message.blocks) this.#acknowledge(range);
        break;
      case 'compare':
        this.#compare(message);
        break;
      case 'pause':
        if (message.entry !== undefined) this.#file(message.entry);
        this.#pauses.set('there', message.paused, message.entry);
        break;
      case 'failed':
        this.#file(message.entry);
        this.#giveUp(message.entry, message.code);
        break;
      case 'complete':
        if (!this.#choice) throw new ProtocolViolation('complete before anything was chosen');
        this.#completed = true;
        break;
    }
  }

  /**
   * The next task, or null when there is none now: nothing asked for, no credit, or paused.
   * A `send` taken counts against the credit until it is acknowledged.
   */
  take(): SenderTask | null {
    if (this.#pauses.all) return null;
    const confirm = this.#takeConfirm();
    if (confirm) return confirm;
    /** What is to be hashed for the first root that lacks something. */
    let hash: Root | null = null;
    for (let at = 0; ; ) {
      const asked = this.#asked[at];
      if (!asked) break;
      if (this.#pauses.holds(asked.entry)) at += 1;
      else if (this.#isServed(asked)) {
        this.#asked.splice(at, 1);
        const confirm = this.#takeConfirm();
        if (confirm) return confirm;
      } else if (asked.type === 'root') {
        hash ??= asked;
        at += 1;
        // What an earlier session brought can be long to read: nothing behind it is to wait for all of that.
        if (!this.#hashedLast) break;
      } else {
        if (!this.#affordable({ entry: asked.entry, index: asked.next })) break;
        this.#hashedLast = false;
        return this.#send(asked);
      }
    }
    this.#hashedLast = hash !== null;
    return hash && this.#hash(hash);
  }

  /** The driver has read and hashed a block of a `send` or `hash` task. */
  hashed({ entry, index }: BlockRef, leaf: Uint8Array): void {
    const open = this.#open.get(entry);
    if (!open) return;
    if (!open.leaves.set(index, leaf)) this.fail(entry, 'source-changed');
    else this.#confirmWhenComplete(entry, open);
  }

  /** The driver found the file of a `confirm` task unchanged: its root may be told. */
  confirmed(entry: EntryId): void {
    const open = this.#open.get(entry);
    if (!open || open.told) return;
    this.#roots.push([entry, open.leaves.root()]);
    this.#rootsBytes += open.sizeBytes;
    open.told = true;
    if (blockCount(open.sizeBytes) <= 1) this.#open.delete(entry);
    if (this.#rootsBytes >= BLOCK_BYTES || this.#roots.length >= MAX_LIST_ITEMS) this.flush();
  }

  /** The source cannot give this file (any longer): it is given up and the receiver told. */
  fail(entry: EntryId, code: FileFailure): void {
    if (this.#failed.has(entry)) return;
    this.#giveUp(entry, code);
    // A receiver that has not chosen may not know yet what its number stands for.
    if (this.#choice) this.#say({ type: 'failed', entry, code });
  }

  /** A person wants this file sent no longer. One that the receiver has whole stays there. */
  cancel(entry: EntryId): void {
    this.fail(entry, 'cancelled');
  }

  /** A person holds all up, or one file, or lets it go on; the receiver is told. What was taken up is still sent. */
  pause(paused: boolean, entry?: EntryId): void {
    if (!this.#pauses.set('here', paused, entry)) return;
    if (entry === undefined) this.#say({ type: 'pause', paused });
    else if (this.#choice) this.#say({ type: 'pause', paused, entry });
  }

  /** Says the roots that have gathered, as it does by itself for a block's worth of files; the driver calls it when it pauses. */
  flush(): void {
    this.#rootsBytes = 0;
    while (this.#roots.length > 0) this.#say({ type: 'roots', roots: this.#roots.splice(0, MAX_LIST_ITEMS) });
  }

  #choose({ files, totalBytes, heldBytes }: Extract<ReceiverMessage, { type: 'choice' }>): void {
    if (this.#choice) throw new ProtocolViolation('chosen twice');
    if (
      totalBytes > this.#manifest.header.totalBytes ||
      heldBytes > totalBytes ||
      files > this.#manifest.entries.length
    ) {
      throw new ProtocolViolation('more chosen than was offered');
    }
    this.#choice = { files, totalBytes, heldBytes };
    for (const [entry, code] of this.#failed) this.#say({ type: 'failed', entry, code });
    for (const entry of this.#pauses.entriesHere) this.#say({ type: 'pause', paused: true, entry });
  }

  #request(ranges: readonly BlockRange[], roots: readonly EntryId[]): void {
    if (!this.#choice) throw new ProtocolViolation('request before a choice');
    const last = new Map(ranges.map(([entry], at) => [entry, at]));
    const left = new Set(roots);
    for (const [at, [entry, first, count]] of ranges.entries()) {
      const { sizeBytes } = this.#file(entry);
      if (first + count > blockCount(sizeBytes)) throw new ProtocolViolation("range past the file's end");
      if (this.#failed.has(entry)) continue;
      this.#openEntry(entry, sizeBytes);
      for (const block of this.#perhapsSent([entry, first, count])) this.#release(keyOf(block));
      this.#asked.push({ type: 'range', entry, next: first, end: first + count });
      // Not after what is asked of other files: it gives the file its name.
      if (last.get(entry) === at && left.delete(entry)) this.#askForRoot(entry);
    }
    for (const entry of left) this.#askForRoot(entry);
    if (this.#asked.length > 2 * MAX_PENDING_RANGES) throw new ProtocolViolation('too many ranges asked for');
  }

  #askForRoot(entry: EntryId): void {
    const { sizeBytes } = this.#file(entry);
    if (this.#failed.has(entry)) return;
    this.#openEntry(entry, sizeBytes);
    this.#asked.push({ type: 'root', entry, nextUnknown: 0 });
  }

  /**
   * Those blocks of a range that may be outstanding. Whichever is shorter is looked through: one message has room for
   * 2,000,000 blocks that were never sent.
   */
  #perhapsSent([entry, first, count]: BlockRange): BlockRef[] {
    if (count <= this.#outstanding.size)
      return Array.from({ length: count }, (_, i) => ({ entry, index: first + i }));
    const sent = Array.from(this.#outstanding.values(), ({ block }) => block);
    return sent.filter(
      (block) => block.entry === entry && block.index >= first && block.index < first + count,
    );
  }

  /** @returns whether the block was outstanding */
  #release(key: string): boolean {
    const sent = this.#outstanding.get(key);
    if (!sent) return false;
    this.#outstanding.delete(key);
    this.#outstandingCost -= sent.cost;
    return true;
  }

  #acknowledge([entry, first, count]: BlockRange): void {
    const { sizeBytes } = this.#file(entry);
    if (first + count > blockCount(sizeBytes))
      throw new ProtocolViolation('acknowledgement past the end of its file');
    for (const block of this.#perhapsSent([entry, first, count])) {
      // Nothing is released where it is said again, or where the file was given up meanwhile.
      if (this.#release(keyOf(block))) this.#acknowledgedBytes += blockLength(sizeBytes, block.index);
    }
  }

  #takeConfirm(): SenderTask | null {
    const at = this.#confirmable.findIndex((entry) => !this.#pauses.holds(entry));
    return at < 0 ? null : { type: 'confirm', entry: this.#confirmable.splice(at, 1)[0] as EntryId };
  }

  /** Tells the leaves behind a root: the receiver has some blocks from earlier and finds those that changed. */
  #compare({ entry, first, count }: Extract<ReceiverMessage, { type: 'compare' }>): void {
    const { sizeBytes } = this.#file(entry);
    if (first + count > blockCount(sizeBytes)) throw new ProtocolViolation("leaves past the file's end");
    if (this.#failed.has(entry)) return;
    const open = this.#open.get(entry);
    if (!open?.told) throw new ProtocolViolation('leaves asked for before their root was told');
    const leaves = Array.from({ length: count }, (_, i) => open.leaves.leaf(first + i) as Uint8Array);
    this.#say({ type: 'leaves', entry, first, leaves });
  }

  /** Whether there is nothing left to do for it. For a root whose leaves are all known, or coming, that is noted. */
  #isServed(asked: Asked): boolean {
    if (asked.type === 'range') return this.#failed.has(asked.entry) || asked.next === asked.end;
    const open = this.#open.get(asked.entry);
    if (!open) return true;
    let index = open.leaves.firstUnknown(asked.nextUnknown);
    while (this.#isBeingRead(asked.entry, index)) index = open.leaves.firstUnknown(index + 1);
    asked.nextUnknown = index;
    if (index < blockCount(open.sizeBytes)) return false;
    open.rootAsked = true;
    this.#confirmWhenComplete(asked.entry, open);
    return true;
  }

  #hash(root: Root): SenderTask {
    const { entry, nextUnknown: index } = root;
    root.nextUnknown += 1;
    return {
      type: 'hash',
      block: { entry, index },
      lengthBytes: blockLength(this.#file(entry).sizeBytes, index),
    };
  }

  /** Sent but not hashed yet: its leaf will come by itself. */
  #isBeingRead(entry: EntryId, index: number): boolean {
    return this.#outstanding.has(keyOf({ entry, index }));
  }

  #send(range: Range): SenderTask {
    const block = { entry: range.entry, index: range.next };
    range.next += 1;
    const { sizeBytes } = this.#file(block.entry);
    const cost = creditCost(sizeBytes, block.index);
    // Asked for twice, as where two copies of it were damaged: one of them is counted, as one acknowledgement frees it.
    this.#release(keyOf(block));
    this.#outstanding.set(keyOf(block), { block, cost });
    this.#outstandingCost += cost;
    return { type: 'send', block, lengthBytes: blockLength(sizeBytes, block.index) };
  }

  #affordable(block: BlockRef): boolean {
    const cost = creditCost(this.#file(block.entry).sizeBytes, block.index);
    return this.#outstandingCost + cost <= this.#creditBytes;
  }

  #confirmWhenComplete(entry: EntryId, open: OpenEntry): void {
    if (!open.rootAsked || open.confirming || !open.leaves.complete) return;
    open.confirming = true;
    this.#confirmable.push(entry);
  }

  #giveUp(entry: EntryId, code: FileFailure): void {
    if (this.#failed.has(entry)) return;
    this.#failed.set(entry, code);
    this.#open.delete(entry);
    for (const [key, { block }] of this.#outstanding) if (block.entry === entry) this.#release(key);
  }

  #openEntry(entry: EntryId, sizeBytes: number): void {
    if (this.#open.has(entry)) return;
    const leaves = new LeafTree(sizeBytes, blockCount(sizeBytes));
    this.#open.set(entry, { sizeBytes, leaves, rootAsked: false, confirming: false, told: false });
  }

  #file(entry: EntryId): Extract<Entry, { kind: 'file' }> {
    const found = this.#manifest.entries[entry];
    if (found?.kind !== 'file') throw new ProtocolViolation('no such file in the manifest');
    return found;
  }
}

const keyOf = ({ entry, index }: BlockRef): string => `${entry}:${index}`;
