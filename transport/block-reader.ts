import { type BlockRef, blockCount, blockLength } from '#protocol/block.ts';
import type { FileFailure } from '#protocol/control-message.ts';
import type { EntryId, FileEntry } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import type { Sender, SenderTask } from '#protocol/sender.ts';
import type { FileSource } from './file-source.ts';
import { READ_AGAIN_TIMES, READ_AHEAD_BLOCKS, READ_AHEAD_BYTES } from './limits.ts';
import type { Platform } from './platform.ts';

/** A block that may go out. */
export interface ReadBlock extends BlockRef {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly leaf: Uint8Array<ArrayBuffer>;
}

interface Prepared {
  readonly costBytes: number;
  /** Null where there is nothing to send: a task without a block of its own, or a file that was given up. */
  readonly block: Promise<ReadBlock | null>;
}

/** Carries out the sender machine's tasks as far as the source goes: reads and hashes ahead of what is sent. */
export class BlockReader {
  readonly #sender: Sender;
  readonly #source: FileSource;
  readonly #platform: Platform;
  readonly #onFailed: () => void;
  readonly #ahead: Prepared[] = [];
  #aheadBytes = 0;

  /** @param onFailed called when a file had to be given up */
  constructor(sender: Sender, source: FileSource, platform: Platform, onFailed: () => void) {
    this.#sender = sender;
    this.#source = source;
    this.#platform = platform;
    this.#onFailed = onFailed;
  }

  /** The next task is done: its block, or null where it has none to send. Undefined where there is no task now. */
  next(): Promise<ReadBlock | null> | undefined {
    this.#fill();
    const prepared = this.#ahead.shift();
    if (!prepared) return undefined;
    this.#aheadBytes -= prepared.costBytes;
    return prepared.block;
  }

  /** Every byte of the block was used. */
  spent({ bytes }: ReadBlock): void {
    this.#source.recycle?.(bytes);
  }

  #fill(): void {
    while (this.#aheadBytes < READ_AHEAD_BYTES && this.#ahead.length < READ_AHEAD_BLOCKS) {
      const task = this.#sender.take();
      if (!task) return;
      const prepared = this.#prepare(task);
      this.#aheadBytes += prepared.costBytes;
      this.#ahead.push(prepared);
    }
  }

  #prepare(task: SenderTask): Prepared {
    if (task.type === 'confirm') return { costBytes: 0, block: this.#confirm(task.entry) };
    return { costBytes: task.lengthBytes, block: this.#read(task) };
  }

  async #confirm(entry: EntryId): Promise<null> {
    try {
      let doubt = await this.#source.confirmUnchanged(entry);
      for (let times = 0; doubt !== null; times += 1) {
        if (times === READ_AGAIN_TIMES)
          throw new TransferError('source-changed', 'it changes again and again');
        if (!(await this.#isAsBefore(entry))) return null;
        doubt = await this.#source.confirmUnchanged(entry, doubt);
      }
      this.#sender.confirmed(entry);
    } catch (error) {
      this.#giveUp(entry, error);
    }
    return null;
  }

  /** Reads all of a file again. One that has other blocks than were sent is given up. */
  async #isAsBefore(entry: EntryId): Promise<boolean> {
    const { sizeBytes } = this.#source.entries[entry] as FileEntry;
    for (let index = 0; index < blockCount(sizeBytes); index += 1) {
      const bytes = await this.#source.read(entry, index * BLOCK_BYTES, blockLength(sizeBytes, index));
      this.#sender.hashed({ entry, index }, await this.#platform.sha256(bytes));
      this.#source.recycle?.(bytes);
      if (this.#sender.failed.has(entry)) {
        this.#onFailed();
        return false;
      }
    }
    return true;
  }

  async #read({
    type,
    block,
    lengthBytes,
  }: Exclude<SenderTask, { type: 'confirm' }>): Promise<ReadBlock | null> {
    try {
      const bytes = await this.#source.read(block.entry, block.index * BLOCK_BYTES, lengthBytes);
      const leaf = await this.#platform.sha256(bytes);
      this.#sender.hashed(block, leaf);
      if (type === 'send') return { ...block, bytes, leaf };
      this.#source.recycle?.(bytes);
      return null;
    } catch (error) {
      this.#giveUp(block.entry, error);
      return null;
    }
  }

  #giveUp(entry: EntryId, error: unknown): void {
    const isChanged = error instanceof TransferError && error.code === 'source-changed';
    const code: FileFailure = isChanged ? 'source-changed' : 'source-unreadable';
    this.#sender.fail(entry, code);
    this.#onFailed();
  }
}
