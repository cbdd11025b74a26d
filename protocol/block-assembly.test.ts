import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BlockRef, blockCount, blockLength } from './block.ts';
import { type ArrivedBlock, BlockAssembly } from './block-assembly.ts';
import { ProtocolViolation } from './errors.ts';
import type { Frame } from './lane-message.ts';
import { LEAF_BYTES } from './leaf-tree.ts';
import { BLOCK_BYTES, FRAME_UNIT_BYTES as UNIT } from './limits.ts';
import { FUZZ } from './testing/fuzz.ts';

const LEAF = new Uint8Array(LEAF_BYTES).fill(7);
const BLOCK_UNITS = BLOCK_BYTES / UNIT;

/** A receiver that asked for every block of files of these sizes, and what it was asked and told. */
function receiverOf(...sizes: number[]) {
  const here = new Set<string>();
  const copies: BlockRef[] = [];
  const asked: BlockRef[] = [];
  const assembly = new BlockAssembly(
    (block) => {
      const { entry, index } = block;
      const sizeBytes = sizes[entry];
      if (sizeBytes === undefined || index >= blockCount(sizeBytes))
        throw new ProtocolViolation('never asked for');
      asked.push(block);
      return here.has(`${entry}:${index}`) ? null : blockLength(sizeBytes, index);
    },
    (block) => copies.push(block),
  );
  const add = (each: Frame): ArrivedBlock | null => {
    const block = assembly.add(each);
    if (block) here.add(`${block.entry}:${block.index}`);
    return block;
  };
  return { assembly, add, here, copies, asked };
}

const frame = (
  entry: number,
  offset: number,
  payload: Uint8Array | number,
  leaf: Uint8Array | null = null,
): Frame => ({
  kind: 'frame',
  entry,
  offset,
  payload: typeof payload === 'number' ? new Uint8Array(payload).fill(1) : payload,
  leaf,
});

interface Whole extends BlockRef {
  readonly bytes: Uint8Array;
  readonly leaf: Uint8Array;
}

/** A block whose every unit is told from every other's. */
function wholeBlock(entry: number, index: number, lengthBytes: number): Whole {
  const bytes = new Uint8Array(lengthBytes);
  for (let at = 0; at < lengthBytes; at += UNIT)
    bytes.fill((17 * entry + 5 * index + at / UNIT + 1) & 255, at, at + UNIT);
  return { entry, index, bytes, leaf: new Uint8Array(LEAF_BYTES).fill(entry * 8 + index) };
}

/** Cuts a block into frames of so many units, as often as needed. */
function cut({ entry, index, bytes, leaf }: Whole, units: readonly number[]): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const end = Math.min(bytes.length, at + UNIT * (units[i % units.length] as number));
    const isLast = end === bytes.length;
    frames.push(frame(entry, index * BLOCK_BYTES + at, bytes.subarray(at, end), isLast ? leaf : null));
    at = end;
  }
  return frames;
}

describe('BlockAssembly', () => {
  const lengthOfBlock = fc.oneof(
    fc.constantFrom(1, UNIT - 1, UNIT, UNIT + 1, 3 * UNIT, 5 * UNIT + 1),
    fc.integer({ min: 1, max: 7 * UNIT }),
  );
  const size = fc.oneof(
    { weight: 6, arbitrary: lengthOfBlock },
    { weight: 1, arbitrary: fc.constantFrom(BLOCK_BYTES, BLOCK_BYTES + 1, BLOCK_BYTES + 3 * UNIT + 5) },
  );
  /** How a block is cut each time that it is sent: copies that are cut otherwise overlap. */
  const cuts = fc.array(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 3,
  });

  it(
    'puts blocks together from frames of any lengths, in any order, however often they come and overlap',
    () => {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(size, cuts), { minLength: 1, maxLength: 3 }),
          fc.infiniteStream(fc.nat()),
          (files, random) => {
            const wholes = files.flatMap(([sizeBytes], entry) =>
              Array.from({ length: blockCount(sizeBytes) }, (_, index) =>
                wholeBlock(entry, index, blockLength(sizeBytes, index)),
              ),
            );
            const frames = wholes.flatMap((whole) =>
              (files[whole.entry]?.[1] ?? []).flatMap((units) =>
                cut(whole, units).map((each) => ({ each, whole })),
              ),
            );
            const { assembly, add, copies } = receiverOf(...files.map(([sizeBytes]) => sizeBytes));
            const missing = new Map(wholes.map((whole) => [whole, new Set(unitsOf(whole.bytes.length))]));
            const begun = new Set<Whole>();
            const expectedCopies: BlockRef[] = [];
            while (frames.length > 0) {
              const at = (random.next().value as number) % frames.length;
              const [{ each, whole }] = frames.splice(at, 1) as [(typeof frames)[number]];
              const lacking = missing.get(whole) as Set<number>;
              const wasHere = lacking.size === 0;
              if (wasHere && each.leaf) expectedCopies.push({ entry: whole.entry, index: whole.index });
              const first = (each.offset - whole.index * BLOCK_BYTES) / UNIT;
              for (const unit of unitsOf(each.payload.length)) lacking.delete(first + unit);
              begun.add(whole);
              const arrived = add(each);
              expect(arrived !== null).toBe(!wasHere && lacking.size === 0);
              if (arrived) {
                expect(arrived).toMatchObject({ entry: whole.entry, index: whole.index, leaf: whole.leaf });
                expect(Buffer.compare(arrived.bytes, whole.bytes)).toBe(0);
              }
              const open = [...begun].filter((other) => missing.get(other)?.size);
              expect(assembly.openBytes).toBe(open.reduce((sum, { bytes }) => sum + bytes.length, 0));
            }
            expect(assembly.openBytes).toBe(0);
            expect(copies).toEqual(expectedCopies);
          },
        ),
        { numRuns: 200 * FUZZ },
      );
    },
    20_000 * FUZZ,
  );

  it('owns what it hands out: frames may be overwritten once they were added', () => {
    const { add } = receiverOf(UNIT + 2);
    const first = frame(0, 0, UNIT);
    const second = frame(0, UNIT, Uint8Array.of(3, 4), Uint8Array.from(LEAF));
    add(second);
    second.payload.fill(0);
    second.leaf?.fill(0);
    const block = add(first);
    first.payload.fill(0);
    const bytes = new Uint8Array(UNIT + 2).fill(1);
    bytes.set([3, 4], UNIT);
    expect(block).toEqual({ entry: 0, index: 0, bytes, leaf: LEAF });
  });

  const SIZE = BLOCK_BYTES + UNIT + 100;
  it.each<[string, Frame]>([
    ['is of a block that was not asked for', frame(0, 2 * BLOCK_BYTES, 10)],
    ['is of a file that was not asked for', frame(9, 0, 10)],
    ['is of a file with the highest number', frame(2 ** 32 - 1, 0, 10)],
    ['begins within a unit', frame(0, 1, UNIT)],
    ['begins within a unit and ends at one', frame(0, UNIT / 2, UNIT / 2)],
    ['ends within a unit', frame(0, 0, UNIT + 1)],
    ['is less than a unit', frame(0, 0, UNIT - 1)],
    ['begins within the last unit', frame(0, BLOCK_BYTES + UNIT + 1, 99, LEAF)],
    ['runs past its file’s end', frame(0, BLOCK_BYTES + UNIT, 101, LEAF)],
    ['runs past its file’s end, without a leaf', frame(0, BLOCK_BYTES + UNIT, 101)],
    ['runs past its file’s end by units', frame(0, BLOCK_BYTES + UNIT, 2 * UNIT, LEAF)],
    ['begins past its file’s end', frame(0, BLOCK_BYTES + 2 * UNIT, 1, LEAF)],
    ['runs past its block’s end into the next', frame(0, BLOCK_BYTES - UNIT, 2 * UNIT)],
    ['carries a leaf before its block’s end', frame(0, BLOCK_BYTES, UNIT, LEAF)],
    ['carries no leaf at its block’s end', frame(0, BLOCK_BYTES + UNIT, 100)],
    ['carries no leaf at the end of a full block', frame(0, BLOCK_BYTES - UNIT, UNIT)],
  ])('refuses a frame that %s, be its block open or not', (_what, each) => {
    expect(() => receiverOf(SIZE).add(each)).toThrow(ProtocolViolation);
    const { add } = receiverOf(SIZE);
    add(frame(0, UNIT, UNIT));
    add(frame(0, BLOCK_BYTES, UNIT));
    expect(() => add(each)).toThrow(ProtocolViolation);
  });

  it('takes a block in anew where it is no longer here: damaged, it was asked for again', () => {
    const { add, here } = receiverOf(2 * UNIT);
    const last = frame(0, UNIT, UNIT, LEAF);
    add(frame(0, 0, UNIT));
    expect(add(last)).not.toBeNull();
    here.clear();
    expect(add(last)).toBeNull();
    expect(add(frame(0, 0, new Uint8Array(UNIT).fill(9)))?.bytes[0]).toBe(9);
  });

  it('takes the later of two frames for the same bytes: what was sent again is worth more', () => {
    const { add } = receiverOf(2 * UNIT);
    add(frame(0, 0, new Uint8Array(UNIT).fill(8)));
    add(frame(0, 0, new Uint8Array(UNIT).fill(9)));
    expect(add(frame(0, UNIT, UNIT, LEAF))?.bytes[0]).toBe(9);
  });

  it('asks for a block’s length once while it is open, and takes no more memory than that', () => {
    const { assembly, add, asked } = receiverOf(3 * BLOCK_BYTES, UNIT + 1);
    for (const offset of [0, UNIT, 0, BLOCK_BYTES - UNIT]) {
      add(frame(0, offset, UNIT, offset === BLOCK_BYTES - UNIT ? LEAF : null));
      expect(assembly.openBytes).toBe(BLOCK_BYTES);
    }
    expect(asked).toEqual([{ entry: 0, index: 0 }]);
    add(frame(1, 0, UNIT));
    expect(assembly.openBytes).toBe(BLOCK_BYTES + UNIT + 1);
  });

  it('drops what is open of a file, and nothing of another', () => {
    const { assembly, add } = receiverOf(2 * BLOCK_BYTES, 2 * UNIT);
    for (const index of [0, 1]) add(frame(0, index * BLOCK_BYTES, UNIT));
    add(frame(1, 0, UNIT));
    assembly.drop(0);
    assembly.drop(0);
    expect(assembly.openBytes).toBe(2 * UNIT);
    expect(add(frame(1, UNIT, UNIT, LEAF))).not.toBeNull();
    const rest = Array.from({ length: BLOCK_UNITS - 1 }, (_, i) =>
      frame(0, (i + 1) * UNIT, UNIT, i === BLOCK_UNITS - 2 ? LEAF : null),
    );
    expect(rest.map(add).every((block) => block === null)).toBe(true);
    expect(assembly.openBytes).toBe(BLOCK_BYTES);
  });

  it(
    'throws nothing but ProtocolViolation, and holds no more than it asked for, whatever the frames',
    () => {
      const SIZES = [3 * UNIT + 5, UNIT, 20];
      const anyFrame = fc.record({
        kind: fc.constant('frame' as const),
        entry: fc.oneof(fc.nat({ max: 3 }), fc.constantFrom(2 ** 20, 2 ** 32 - 1)),
        offset: fc.oneof(
          fc.constantFrom(0, UNIT, 2 * UNIT, 3 * UNIT, BLOCK_BYTES),
          fc.nat({ max: 40 }),
          fc.maxSafeNat(),
        ),
        payload: fc
          .oneof(
            fc.constantFrom(UNIT, 2 * UNIT, 3 * UNIT, 5, 20, UNIT + 5),
            fc.integer({ min: 1, max: 4 * UNIT }),
          )
          .map((length) => new Uint8Array(length)),
        leaf: fc.option(fc.constant(LEAF)),
      });
      fc.assert(
        fc.property(fc.array(anyFrame, { maxLength: 30, size: 'max' }), (frames) => {
          const { assembly, add } = receiverOf(...SIZES);
          for (const each of frames) {
            try {
              const block = add(each);
              if (block) expect(block.bytes.length).toBe(SIZES[block.entry]);
            } catch (error) {
              expect(error).toBeInstanceOf(ProtocolViolation);
            }
            expect(assembly.openBytes).toBeLessThanOrEqual(4 * UNIT + 25);
          }
        }),
        { numRuns: 500 * FUZZ },
      );
    },
    20_000 * FUZZ,
  );
});

function* unitsOf(lengthBytes: number): Generator<number> {
  for (let unit = 0; unit * UNIT < lengthBytes; unit += 1) yield unit;
}
