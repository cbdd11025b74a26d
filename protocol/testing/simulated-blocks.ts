import type { BlockRef } from '../block.ts';
import type { ArrivedBlock } from '../block-assembly.ts';
import type { FrameMessage } from '../frames-in-transit.ts';
import { encodeFrame, type Frame } from '../lane-message.ts';
import { BLOCK_BYTES, FRAME_UNIT_BYTES } from '../limits.ts';
import type { SeededRandom } from './seeded-random.ts';

/**
 * Blocks as they travel here: of 3 units at most, so that many thousands of them cost little. Every unit is one mark: the
 * version that the block has at the sender, and whether it was damaged on the way. A frame's message has the number of
 * its units and their mark for a payload.
 */
const MAX_UNITS = 3;
const scratch = new Uint8Array(MAX_UNITS * FRAME_UNIT_BYTES);
const markOf = (version: number, damaged: boolean): number => 2 * version + (damaged ? 1 : 0);

/** The length with which a block of this length travels. */
export function travellingLength(lengthBytes: number): number {
  return ((lengthBytes - 1) % (MAX_UNITS * FRAME_UNIT_BYTES)) + 1;
}

/** Cuts a block into frames, somehow. */
export function cutBlock(
  block: BlockRef,
  lengthBytes: number,
  version: number,
  leaf: Uint8Array,
  random: SeededRandom,
): FrameMessage[] {
  const frames: FrameMessage[] = [];
  const units = Math.ceil(travellingLength(lengthBytes) / FRAME_UNIT_BYTES);
  for (let unit = 0; unit < units; ) {
    const count = 1 + random.below(units - unit);
    const offset = block.index * BLOCK_BYTES + unit * FRAME_UNIT_BYTES;
    unit += count;
    const payload = Uint8Array.of(count, markOf(version, false));
    frames.push(encodeFrame(block.entry, offset, payload, unit === units ? leaf : null));
  }
  return frames;
}

/** What arrives of a frame where its units come damaged: all that a leaf could not tell from another. */
export function damagedFrame(frame: Frame): FrameMessage {
  const [count = 0, mark = 0] = frame.payload;
  return encodeFrame(frame.entry, frame.offset, Uint8Array.of(count, markOf(mark >> 1, true)), frame.leaf);
}

/** The frame with as many bytes as it stands for, in a buffer that the next call overwrites. */
export function unfoldFrame(frame: Frame, lengthBytes: number): Frame {
  const [count = 0, mark = 0] = frame.payload;
  for (let unit = 0; unit < count; unit += 1) scratch[unit * FRAME_UNIT_BYTES] = mark;
  const rest = travellingLength(lengthBytes) - (frame.offset % BLOCK_BYTES);
  return { ...frame, payload: scratch.subarray(0, Math.min(count * FRAME_UNIT_BYTES, rest)) };
}

/** The version that an arrived block is of, or null where it is damaged, or of several. */
export function versionOf({ bytes }: ArrivedBlock): number | null {
  const marks = new Set<number>();
  for (let at = 0; at < bytes.length; at += FRAME_UNIT_BYTES) marks.add(bytes[at] as number);
  const [mark = 1, ...others] = marks;
  return mark % 2 === 1 || others.length > 0 ? null : mark >> 1;
}
