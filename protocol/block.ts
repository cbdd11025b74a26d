import type { EntryId } from './entry.ts';
import { BLOCK_BYTES, MAX_RANGE_BLOCKS } from './limits.ts';

/** One block of one file: `index` counts from 0 in units of BLOCK_BYTES. */
export interface BlockRef {
  readonly entry: EntryId;
  readonly index: number;
}

/** `count` consecutive blocks of one file, as requests and acknowledgements name them on the wire. */
export type BlockRange = readonly [entry: EntryId, first: number, count: number];

/** How many blocks a file of this size has; an empty file has none. */
export function blockCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK_BYTES);
}

/** Length of block `index` of a file: BLOCK_BYTES, but for the last, which may be shorter. */
export function blockLength(sizeBytes: number, index: number): number {
  return Math.min(BLOCK_BYTES, sizeBytes - index * BLOCK_BYTES);
}

/**
 * What a block costs of the credit: its length, and no less than this, so that a window of credit bounds
 * the number of tiny files in flight as well as their bytes.
 */
export const MIN_CREDIT_COST_BYTES = 4096;

export function creditCost(sizeBytes: number, index: number): number {
  return Math.max(MIN_CREDIT_COST_BYTES, blockLength(sizeBytes, index));
}

/** Appends a block to a list of ranges, growing the last range where it continues it and has room. */
export function appendToRanges(ranges: [EntryId, number, number][], { entry, index }: BlockRef): void {
  const last = ranges.at(-1);
  const continues = last?.[0] === entry && last[1] + last[2] === index && last[2] < MAX_RANGE_BLOCKS;
  if (continues) last[2] += 1;
  else ranges.push([entry, index, 1]);
}
