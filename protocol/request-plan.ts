import { appendToRanges, type BlockRef } from './block.ts';
import type { ReceiverMessage } from './control-message.ts';
import type { EntryId } from './entry.ts';
import { MAX_LIST_ITEMS, MAX_RANGE_BLOCKS } from './limits.ts';
import type { OpenFile } from './open-file.ts';

/** Files asked for and not settled: enough that small files fill a long round trip, few enough to keep books on. */
const MAX_OPEN_FILES = 1024;

/** Blocks asked for and not verified: with a root for each open file it stays below what a sender takes, were each a range of its own. */
const MAX_AWAITED_BLOCKS = 1.5 * MAX_RANGE_BLOCKS;

/**
 * What a receiver asks for next: files in the order chosen, long ones range by range, short ones many to a message, and
 * each file's root with its last range. What is held from earlier sessions is left out. It runs ahead of what arrives, in
 * large steps.
 * @see docs/transfer-protocol.md "The receiver"
 */
export class RequestPlan {
  readonly #chosen: EntryId[];
  readonly #open: (id: EntryId) => OpenFile | null;
  readonly #say: (message: ReceiverMessage) => void;
  /** Of `#chosen`: the first that has not had its turn. */
  #next = 0;
  readonly #openFiles = new Set<OpenFile>();
  /** The one open file that has not been asked for to its end. */
  #current: [EntryId, OpenFile] | null = null;
  readonly #again: [EntryId, number, number][] = [];
  readonly #lost: { id: EntryId; file: OpenFile; index: number }[] = [];
  #awaitedBlocks = 0;

  /** @param open begins the books on a file whose turn it is; null where it was given up before */
  constructor(
    chosen: readonly EntryId[],
    open: (id: EntryId) => OpenFile | null,
    say: (message: ReceiverMessage) => void,
  ) {
    this.#chosen = [...chosen];
    this.#open = open;
    this.#say = say;
  }

  /** Every chosen file has had its turn and is settled. */
  get settled(): boolean {
    return this.#next === this.#chosen.length && this.#openFiles.size === 0;
  }

  /** One more file is to be had. */
  add(id: EntryId): void {
    this.#chosen.push(id);
  }

  /** A block arrived and is verified. */
  arrived(file: OpenFile): void {
    this.#await(file, -1);
  }

  /** A block arrived damaged: it is asked for once more, ahead of everything. */
  again({ entry, index }: BlockRef): void {
    this.#again.push([entry, index, 1]);
  }

  /** A held block is not there after all: it is asked for ahead of everything, once there is room, or with its range. */
  lost({ entry, index }: BlockRef, file: OpenFile): void {
    file.held.delete(index);
    if (index >= file.asked) return;
    file.lost.add(index);
    this.#lost.push({ id: entry, file, index });
  }

  /** A file is committed or given up: nothing of it is waited for any longer. */
  close(id: EntryId, file: OpenFile): void {
    this.#openFiles.delete(file);
    this.#await(file, -file.awaited);
    if (this.#current?.[0] === id) this.#current = null;
  }

  /** Tops up what is asked for, where there is room. */
  ask(): void {
    this.#request(this.#again.splice(0), []);
    const ranges: [EntryId, number, number][] = [];
    const roots: EntryId[] = [];
    this.#askForLost(ranges);
    if (this.#awaitedBlocks <= MAX_RANGE_BLOCKS / 2) {
      this.#askFurther(ranges, roots);
      if (this.#openFiles.size <= MAX_OPEN_FILES / 2) {
        while (this.#awaitedBlocks < MAX_RANGE_BLOCKS && this.#openNext()) this.#askFurther(ranges, roots);
      }
    }
    this.#request(ranges, roots);
  }

  #request(ranges: [EntryId, number, number][], roots: EntryId[]): void {
    while (ranges.length + roots.length > 0) {
      this.#say({
        type: 'request',
        ranges: ranges.splice(0, MAX_LIST_ITEMS),
        roots: roots.splice(0, MAX_LIST_ITEMS),
      });
    }
  }

  /** @returns whether there was another file to ask for */
  #openNext(): boolean {
    const id = this.#chosen[this.#next];
    if (id === undefined || this.#current || this.#openFiles.size >= MAX_OPEN_FILES) return false;
    this.#next += 1;
    const file = this.#open(id);
    if (!file) return true;
    this.#openFiles.add(file);
    this.#current = [id, file];
    return true;
  }

  #askForLost(ranges: [EntryId, number, number][]): void {
    const room = Math.max(0, MAX_RANGE_BLOCKS - this.#awaitedBlocks);
    for (const { id, file, index } of this.#lost.splice(0, room)) {
      if (!this.#openFiles.has(file)) continue;
      file.lost.delete(index);
      appendToRanges(ranges, { entry: id, index });
      this.#await(file, 1);
    }
  }

  /** Asks for what comes next of the current file, and with its last block for its root. */
  #askFurther(ranges: [EntryId, number, number][], roots: EntryId[]): void {
    if (!this.#current) return;
    const [id, file] = this.#current;
    const room = Math.min(MAX_RANGE_BLOCKS, MAX_AWAITED_BLOCKS - this.#awaitedBlocks);
    const before = file.awaited;
    for (; file.asked < file.blocks; file.asked += 1) {
      if (file.held.has(file.asked)) continue;
      if (file.awaited - before === room) return;
      appendToRanges(ranges, { entry: id, index: file.asked });
      this.#await(file, 1);
    }
    roots.push(id);
    this.#current = null;
  }

  #await(file: OpenFile, blocks: number): void {
    file.awaited += blocks;
    this.#awaitedBlocks += blocks;
  }
}
