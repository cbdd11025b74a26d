import type { BlockRef } from './block.ts';
import { ProtocolViolation } from './errors.ts';
import type { Frame } from './lane-message.ts';
import { BLOCK_BYTES } from './limits.ts';

/** A block whose bytes have all arrived; whether they are right is for its leaf to say. */
export interface ArrivedBlock extends BlockRef {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly leaf: Uint8Array;
}

/**
 * Puts the frames of one lane together into blocks. A block travels whole and in order on one lane, so one
 * block is open at a time and a lane can make the receiver hold BLOCK_BYTES at most.
 */
export class BlockAssembly {
  readonly #expectedLength: (block: BlockRef) => number;
  #open: { block: BlockRef; bytes: Uint8Array<ArrayBuffer>; filled: number } | null = null;

  /** @param expectedLength the length of a block that was asked for; throws ProtocolViolation for any other */
  constructor(expectedLength: (block: BlockRef) => number) {
    this.#expectedLength = expectedLength;
  }

  /**
   * Takes in the lane's next frame, whose bytes it copies.
   * @returns the block that this frame completes, or null
   * @throws ProtocolViolation
   */
  add(frame: Frame): ArrivedBlock | null {
    this.#open ??= this.#begin(frame);
    const { block, bytes, filled } = this.#open;
    const end = filled + frame.payload.length;
    if (frame.entry !== block.entry || frame.offset !== block.index * BLOCK_BYTES + filled) {
      throw new ProtocolViolation('frame out of order within its block');
    }
    if (end > bytes.length) throw new ProtocolViolation("frame past its block's end");
    if ((end === bytes.length) !== (frame.leaf !== null)) {
      throw new ProtocolViolation("leaf missing from a block's end, or before it");
    }
    bytes.set(frame.payload, filled);
    this.#open.filled = end;
    if (!frame.leaf) return null;
    this.#open = null;
    return { ...block, bytes, leaf: Uint8Array.from(frame.leaf) };
  }

  #begin(frame: Frame): { block: BlockRef; bytes: Uint8Array<ArrayBuffer>; filled: number } {
    if (frame.offset % BLOCK_BYTES !== 0)
      throw new ProtocolViolation('block does not begin at its first byte');
    const block = { entry: frame.entry, index: frame.offset / BLOCK_BYTES };
    return { block, bytes: new Uint8Array(this.#expectedLength(block)), filled: 0 };
  }
}
