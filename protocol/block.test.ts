import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { appendToRanges, blockCount, blockLength, creditCost, MIN_CREDIT_COST_BYTES } from './block.ts';
import { BLOCK_BYTES, MAX_FILE_BYTES, MAX_RANGE_BLOCKS } from './limits.ts';

/** Around every place where the number of blocks changes, and where doubles would begin to round. */
const INTERESTING_SIZES = [
  0,
  1,
  MIN_CREDIT_COST_BYTES,
  BLOCK_BYTES - 1,
  BLOCK_BYTES,
  BLOCK_BYTES + 1,
  2 * BLOCK_BYTES,
  2 ** 32 + 1,
  MAX_FILE_BYTES - BLOCK_BYTES,
  MAX_FILE_BYTES,
];
const sizes = fc.oneof(
  fc.constantFrom(...INTERESTING_SIZES),
  fc.integer({ min: 0, max: MAX_FILE_BYTES }),
  fc.integer({ min: 0, max: 5 * BLOCK_BYTES }),
);

describe('the blocks of a file', () => {
  it('cover it without gap or overlap, each but the last BLOCK_BYTES long', () => {
    fc.assert(
      fc.property(sizes, (sizeBytes) => {
        const blocks = blockCount(sizeBytes);
        if (sizeBytes === 0) {
          expect(blocks).toBe(0);
          return;
        }
        const last = blockLength(sizeBytes, blocks - 1);
        expect((blocks - 1) * BLOCK_BYTES + last).toBe(sizeBytes);
        expect(last).toBeGreaterThan(0);
        expect(last).toBeLessThanOrEqual(BLOCK_BYTES);
        if (blocks > 1) expect(blockLength(sizeBytes, blocks - 2)).toBe(BLOCK_BYTES);
        expect(creditCost(sizeBytes, blocks - 1)).toBe(Math.max(MIN_CREDIT_COST_BYTES, last));
      }),
    );
  });
});

describe('appendToRanges', () => {
  it('names exactly the blocks appended, in order, and joins neighbours', () => {
    const blocks = fc.array(fc.record({ entry: fc.nat({ max: 2 }), index: fc.nat({ max: 5 }) }));
    fc.assert(
      fc.property(blocks, (appended) => {
        const ranges: [number, number, number][] = [];
        for (const block of appended) appendToRanges(ranges, block);
        const named = ranges.flatMap(([entry, first, count]) =>
          Array.from({ length: count }, (_, i) => ({ entry, index: first + i })),
        );
        expect(named).toEqual(appended);
        ranges.slice(1).forEach(([entry, first], i) => {
          const [before, from, count] = ranges[i] as [number, number, number];
          expect(before === entry && from + count === first).toBe(false);
        });
      }),
    );
  });

  it('begins another range where one is as long as a message may say', () => {
    const ranges: [number, number, number][] = [];
    for (let index = 0; index <= MAX_RANGE_BLOCKS; index += 1) appendToRanges(ranges, { entry: 0, index });
    expect(ranges).toEqual([
      [0, 0, MAX_RANGE_BLOCKS],
      [0, MAX_RANGE_BLOCKS, 1],
    ]);
  });
});
