import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BlockRef, blockCount, blockLength } from './block.ts';
import { type ArrivedBlock, BlockAssembly } from './block-assembly.ts';
import { ProtocolViolation } from './errors.ts';
import type { Frame } from './lane-message.ts';
import { LEAF_BYTES } from './leaf-tree.ts';
import { BLOCK_BYTES, MAX_FRAME_PAYLOAD_BYTES } from './limits.ts';

const LEAF = new Uint8Array(LEAF_BYTES).fill(7);

/** A receiver that asked for every block of files of these sizes; their numbers are their places in the list. */
const askedFor =
  (...sizes: number[]) =>
  ({ entry, index }: BlockRef): number => {
    const sizeBytes = sizes[entry];
    if (sizeBytes === undefined || index >= blockCount(sizeBytes))
      throw new ProtocolViolation('never asked for');
    return blockLength(sizeBytes, index);
  };

const frame = (
  entry: number,
  offset: number,
  payload: Uint8Array | number,
  leaf: Uint8Array | null,
): Frame => ({
  kind: 'frame',
  entry,
  offset,
  payload: typeof payload === 'number' ? new Uint8Array(payload).fill(offset % 255) : payload,
  leaf,
});

/** Cuts a block into frames of these lengths, as often as needed. */
function cut(
  entry: number,
  start: number,
  block: Uint8Array,
  lengths: readonly number[],
  leaf: Uint8Array,
): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0, i = 0; at < block.length; i += 1) {
    const end = Math.min(block.length, at + (lengths[i % lengths.length] as number));
    frames.push(frame(entry, start + at, block.subarray(at, end), end === block.length ? leaf : null));
    at = end;
  }
  return frames;
}

describe('BlockAssembly', () => {
  it('puts blocks together from frames of any lengths, one after the other, in any order of blocks', () => {
    const sizes = fc.array(
      fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.constantFrom(BLOCK_BYTES, 2 * BLOCK_BYTES + 1)),
      {
        minLength: 1,
        maxLength: 3,
      },
    );
    const lengths = fc.array(
      fc.oneof(
        fc.constantFrom(MAX_FRAME_PAYLOAD_BYTES, MAX_FRAME_PAYLOAD_BYTES - 1),
        fc.integer({ min: 500, max: 9000 }),
      ),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(sizes, lengths, fc.integer(), (files, cuts, seed) => {
        const assembly = new BlockAssembly(askedFor(...files));
        const blocks = files.flatMap((size, entry) =>
          Array.from({ length: blockCount(size) }, (_, index) => ({
            entry,
            index,
            size: blockLength(size, index),
          })),
        );
        for (const { entry, index, size } of blocks.reverse()) {
          const bytes = new Uint8Array(size).map((_, i) => (i * 31 + index + seed) & 255);
          const leaf = new Uint8Array(LEAF_BYTES).fill(index + 1);
          const arrived = cut(entry, index * BLOCK_BYTES, bytes, cuts, leaf).map((each) =>
            assembly.add(each),
          );
          const last = arrived.pop() as ArrivedBlock;
          expect(arrived.every((each) => each === null)).toBe(true);
          expect(last).toMatchObject({ entry, index });
          expect(Buffer.compare(last.bytes, bytes)).toBe(0);
          expect(last.leaf).toEqual(leaf);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('owns what it hands out: frames may be overwritten once they were added', () => {
    const assembly = new BlockAssembly(askedFor(4));
    const first = frame(0, 0, Uint8Array.of(1, 2), null);
    const second = frame(0, 2, Uint8Array.of(3, 4), Uint8Array.from(LEAF));
    assembly.add(first);
    first.payload.fill(0);
    const block = assembly.add(second);
    second.payload.fill(0);
    second.leaf?.fill(0);
    expect(block).toEqual({ entry: 0, index: 0, bytes: Uint8Array.of(1, 2, 3, 4), leaf: LEAF });
  });

  const SIZE = BLOCK_BYTES + 100;
  it.each<[string, Frame[]]>([
    ['does not begin at a block’s first byte', [frame(0, 1, 10, null)]],
    ['begins a block that was not asked for', [frame(0, 2 * BLOCK_BYTES, 10, null)]],
    ['begins a file that was not asked for', [frame(9, 0, 10, null)]],
    ['leaves a gap', [frame(0, 0, 10, null), frame(0, 11, 10, null)]],
    ['comes twice', [frame(0, 0, 10, null), frame(0, 0, 10, null)]],
    ['overlaps the one before', [frame(0, 0, 10, null), frame(0, 9, 10, null)]],
    ['belongs to another block while one is open', [frame(0, 0, 10, null), frame(0, BLOCK_BYTES, 100, LEAF)]],
    ['belongs to another file while a block is open', [frame(0, 0, 10, null), frame(1, 10, 10, null)]],
    ['runs past its file’s end', [frame(0, BLOCK_BYTES, 101, LEAF)]],
    ['runs past its file’s end, without a leaf', [frame(0, BLOCK_BYTES, 101, null)]],
    [
      'runs past its block’s end into the next',
      [frame(0, 0, BLOCK_BYTES - 1, null), frame(0, BLOCK_BYTES - 1, 2, LEAF)],
    ],
    ['carries a leaf before its block’s end', [frame(0, BLOCK_BYTES, 99, LEAF)]],
    ['carries no leaf at its block’s end', [frame(0, BLOCK_BYTES, 100, null)]],
    ['carries no leaf at the end of a full block', [frame(0, 0, BLOCK_BYTES, null)]],
  ])('refuses a frame that %s', (_what, frames) => {
    const assembly = new BlockAssembly(askedFor(SIZE, SIZE));
    const last = frames.pop() as Frame;
    for (const each of frames) expect(assembly.add(each)).toBeNull();
    expect(() => assembly.add(last)).toThrow(ProtocolViolation);
  });

  it('holds one block at a time, of the length that was asked for and not of what a frame says', () => {
    const lengths: number[] = [];
    const assembly = new BlockAssembly((block) => {
      lengths.push(askedFor(3 * BLOCK_BYTES)(block));
      return BLOCK_BYTES;
    });
    assembly.add(frame(0, 0, 1, null));
    assembly.add(frame(0, 1, 1, null));
    expect(lengths).toEqual([BLOCK_BYTES]);
    expect(() => assembly.add(frame(0, BLOCK_BYTES, 1, null))).toThrow(ProtocolViolation);
    expect(lengths).toEqual([BLOCK_BYTES]);
  });

  it('throws nothing but ProtocolViolation, whatever the frames', () => {
    const anyFrame = fc.record({
      kind: fc.constant('frame' as const),
      entry: fc.nat({ max: 2 }),
      offset: fc.oneof(
        fc.constantFrom(0, BLOCK_BYTES, 2 * BLOCK_BYTES),
        fc.nat({ max: 40 }),
        fc.maxSafeNat(),
      ),
      payload: fc.uint8Array({ minLength: 1, maxLength: 20 }),
      leaf: fc.option(fc.constant(LEAF)),
    });
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 20 }), (frames) => {
        const assembly = new BlockAssembly(askedFor(30, 20));
        for (const each of frames) {
          try {
            const block = assembly.add(each);
            if (block) expect(block.bytes.length).toBe([30, 20][block.entry]);
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolViolation);
          }
        }
      }),
    );
  });
});
