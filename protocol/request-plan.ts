import type { BlockRef } from './block.ts';
import type { ReceiverMessage } from './control-message.ts';
import type { EntryId } from './entry.ts';
import { MAX_LIST_ITEMS, MAX_RANGE_BLOCKS } from './limits.ts';
import type { OpenFile } from './open-file.ts';

/** Files asked for and not settled: enough that small files fill a long round trip, few enough to keep books on. */
const MAX_OPEN_FILES = 1024;

/**
 * What a receiver asks for next: files in the order chosen, long ones range by range, short ones many to a message, and
 * each file's root with its last range. It runs ahead of what arrives, in large steps.
 * @see docs/transfer-protocol.md "The receiver"
 */
export class RequestPlan {
  readonly #chosen: readonly EntryId[];
  readonly #open: (id: EntryId) => OpenFile | null;
  readonly #say: (message: ReceiverMessage) => void;
  /** Of `#chosen`: the first that has not had its turn. */
  #next = 0;
  #openFiles = 0;
  /** The one open file that has not been asked for to its end. */
  #current: [EntryId, OpenFile] | null = null;
  readonly #again: [EntryId, number, number][] = [];
  #awaitedBlocks = 0;

  /** @param open begins the books on a file whose turn it is; null where it was given up before */
  constructor(
    chosen: readonly EntryId[],
    open: (id: EntryId) => OpenFile | null,
    say: (message: ReceiverMessage) => void,
  ) {
    this.#chosen = chosen;
    this.#open = open;
    this.#say = say;
  }

  /** Every chosen file has had its turn and is settled. */
  get settled(): boolean {
    return this.#next === this.#chosen.length && this.#openFiles === 0;
  }

  /** A block arrived and is verified. */
  arrived(file: OpenFile): void {
    this.#await(file, -1);
  }

  /** A block arrived damaged: it is asked for once more, ahead of everything. */
  again({ entry, index }: BlockRef): void {
    this.#again.push([entry, index, 1]);
  }

  /** A file is committed or given up: nothing of it is waited for any longer. */
  close(id: EntryId, file: OpenFile): void {
    this.#openFiles -= 1;
    this.#await(file, -file.awaited);
    if (this.#current?.[0] === id) this.#current = null;
  }

  /** Tops up what is asked for, where there is room. */
  ask(): void {
    this.#request(this.#again.splice(0), []);
    const ranges: [EntryId, number, number][] = [];
    const roots: EntryId[] = [];
    if (this.#awaitedBlocks <= MAX_RANGE_BLOCKS / 2) {
      this.#askFurther(ranges, roots);
      if (this.#openFiles <= MAX_OPEN_FILES / 2) {
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
    if (id === undefined || this.#current || this.#openFiles >= MAX_OPEN_FILES) return false;
    this.#next += 1;
    const file = this.#open(id);
    if (!file) return true;
    this.#openFiles += 1;
    this.#current = [id, file];
    return true;
  }

  /** Asks for the next range of the current file, and with its last one for its root. */
  #askFurther(ranges: [EntryId, number, number][], roots: EntryId[]): void {
    if (!this.#current) return;
    const [id, file] = this.#current;
    const count = Math.min(MAX_RANGE_BLOCKS, file.blocks - file.asked);
    if (count > 0) ranges.push([id, file.asked, count]);
    file.asked += count;
    this.#await(file, count);
    if (file.asked < file.blocks) return;
    roots.push(id);
    this.#current = null;
  }

  #await(file: OpenFile, blocks: number): void {
    file.awaited += blocks;
    this.#awaitedBlocks += blocks;
  }
}
