import type { BlockRef } from './block.ts';
import type { EntryId } from './entry.ts';
import { ProtocolViolation } from './errors.ts';
import type { Frame } from './lane-message.ts';
import { BLOCK_BYTES, DEFAULT_CREDIT_BYTES, FRAME_UNIT_BYTES } from './limits.ts';
import { SpareBuffers } from './spare-buffers.ts';

/** A block whose bytes have all arrived; whether they are right is for its leaf to say. */
export interface ArrivedBlock extends BlockRef {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly leaf: Uint8Array;
}

interface OpenBlock {
  readonly block: BlockRef;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** By unit: 1 where it is here. */
  readonly units: Uint8Array;
  missing: number;
  leaf: Uint8Array | null;
}

/** Files have fewer blocks than this (2^53 bytes), and there are at most 2^20 entries: together they are an exact number. */
const BLOCKS_OF_A_FILE = 2 ** 33;

/** Puts the frames of a session together into blocks: they come on any lane, in any order, some of them twice. */
export class BlockAssembly {
  readonly #lengthOf: (block: BlockRef) => number | null;
  readonly #onCopy: (block: BlockRef) => void;
  readonly #open = new Map<number, OpenBlock>();
  readonly #buffers = new SpareBuffers(BLOCK_BYTES, DEFAULT_CREDIT_BYTES / BLOCK_BYTES);
  #openBytes = 0;

  /**
   * @param lengthOf the length of a block that may come, null for one of which no more is needed; throws ProtocolViolation
   * for any other
   * @param onCopy told when the last frame comes of a block of which no more is needed
   */
  constructor(lengthOf: (block: BlockRef) => number | null, onCopy: (block: BlockRef) => void) {
    this.#lengthOf = lengthOf;
    this.#onCopy = onCopy;
  }

  /** Held for blocks of which something is missing. */
  get openBytes(): number {
    return this.#openBytes;
  }

  /**
   * Takes in a frame, whose bytes it copies.
   * @returns the block that this frame completes, or null
   * @throws ProtocolViolation
   */
  add(frame: Frame): ArrivedBlock | null {
    const index = Math.floor(frame.offset / BLOCK_BYTES);
    const block = { entry: frame.entry, index };
    const key = block.entry * BLOCKS_OF_A_FILE + index;
    const open = this.#open.get(key) ?? this.#begin(key, block);
    if (!open) {
      if (frame.leaf) this.#onCopy(block);
      return null;
    }
    fill(open, frame, frame.offset - index * BLOCK_BYTES);
    if (open.missing > 0 || !open.leaf) return null;
    this.#close(key, open);
    return { ...open.block, bytes: open.bytes, leaf: open.leaf };
  }

  /** The bytes of a block that arrived are needed no longer. */
  giveBack(bytes: Uint8Array<ArrayBuffer>): void {
    this.#buffers.giveBack(bytes);
  }

  /** Nothing of this file is waited for any longer. */
  drop(entry: EntryId): void {
    for (const [key, open] of this.#open) if (open.block.entry === entry) this.#close(key, open);
  }

  #begin(key: number, block: BlockRef): OpenBlock | null {
    const lengthBytes = this.#lengthOf(block);
    if (lengthBytes === null) return null;
    const missing = Math.ceil(lengthBytes / FRAME_UNIT_BYTES);
    const open = {
      block,
      bytes: this.#buffers.take(lengthBytes),
      units: new Uint8Array(missing),
      missing,
      leaf: null,
    };
    this.#open.set(key, open);
    this.#openBytes += lengthBytes;
    return open;
  }

  #close(key: number, { bytes }: OpenBlock): void {
    this.#open.delete(key);
    this.#openBytes -= bytes.length;
  }
}

function fill(open: OpenBlock, { payload, leaf }: Frame, start: number): void {
  const { bytes, units } = open;
  const end = start + payload.length;
  if (start % FRAME_UNIT_BYTES !== 0) throw new ProtocolViolation('frame that begins within a unit');
  if (end > bytes.length) throw new ProtocolViolation("frame past its block's end");
  if ((end === bytes.length) !== (leaf !== null))
    throw new ProtocolViolation("leaf missing from a block's end, or before it");
  if (end < bytes.length && end % FRAME_UNIT_BYTES !== 0)
    throw new ProtocolViolation('frame that ends within a unit');
  bytes.set(payload, start);
  if (leaf) open.leaf = Uint8Array.from(leaf);
  for (let unit = start / FRAME_UNIT_BYTES; unit * FRAME_UNIT_BYTES < end; unit += 1) {
    if (units[unit] === 0) open.missing -= 1;
    units[unit] = 1;
  }
}
