import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BlockRef, blockCount } from './block.ts';
import type { ReceiverMessage, SenderMessage } from './control-message.ts';
import type { Entry } from './entry.ts';
import { ProtocolViolation } from './errors.ts';
import { LeafTree } from './leaf-tree.ts';
import { BLOCK_BYTES, MAX_LIST_ITEMS, MAX_PENDING_RANGES, MAX_RANGE_BLOCKS } from './limits.ts';
import { Manifest } from './manifest.ts';
import { Receiver } from './receiver.ts';
import { anySenderMessage } from './testing/any-control-message.ts';
import { FUZZ } from './testing/fuzz.ts';
import { leafOf } from './testing/transfer-books.ts';

/** A receiver that has the manifest of files of these sizes, null standing for a folder. */
function offered(...sizes: (number | null)[]) {
  const manifest = new Manifest(
    sizes.map(
      (sizeBytes, i): Entry =>
        sizeBytes === null
          ? { kind: 'folder', path: `folder ${i}` }
          : { kind: 'file', path: `file ${i}`, sizeBytes },
    ),
  );
  const said: ReceiverMessage[] = [];
  const receiver = new Receiver((message) => said.push(message));
  receiver.hear(manifest.header);
  for (let page = 0; page < manifest.header.pages; page += 1) receiver.hear(manifest.page(page));
  said.length = 0;
  const chooseAll = (creditBytes?: number) =>
    receiver.choose([...sizes.keys()], creditBytes === undefined ? {} : { creditBytes });
  return { receiver, said, chooseAll };
}

const blocksOf = (ranges: readonly (readonly [number, number, number])[]): BlockRef[] =>
  ranges.flatMap(([entry, first, count]) =>
    Array.from({ length: count }, (_, i) => ({ entry, index: first + i })),
  );
const requested = (said: readonly ReceiverMessage[]) =>
  said.flatMap((message) => (message.type === 'request' ? message.ranges : []));
const rootsAsked = (said: readonly ReceiverMessage[]) =>
  said.flatMap((message) => (message.type === 'request' ? message.roots : []));
const acknowledged = (said: readonly ReceiverMessage[]) =>
  said.flatMap((message) => (message.type === 'ack' ? message.blocks : []));
const failures = (said: readonly ReceiverMessage[]) => said.filter(({ type }) => type === 'failed');

function rootOf(entry: number, sizeBytes: number): Uint8Array {
  const tree = new LeafTree(sizeBytes, blockCount(sizeBytes));
  for (let index = 0; index < blockCount(sizeBytes); index += 1) tree.set(index, leafOf({ entry, index }, 0));
  return tree.root();
}

const committableOf = (receiver: Receiver) => receiver.takeCommittable().map(({ entry }) => entry);

/** All of the block comes, as far as the receiver wants it, and matches its leaf. @returns whether to write it */
function verify(receiver: Receiver, block: BlockRef, version = 0): boolean {
  if (receiver.expectedLength(block) === null) {
    receiver.copied(block);
    return false;
  }
  receiver.arrived(block);
  return receiver.verified(block, leafOf(block, version));
}

/** All of the block comes, as far as the receiver wants it, and does not match its leaf. */
function damage(receiver: Receiver, block: BlockRef): void {
  if (receiver.expectedLength(block) === null) {
    receiver.copied(block);
    return;
  }
  receiver.arrived(block);
  receiver.mismatched(block);
}

/** The block arrives whole and is written. */
function deliver(receiver: Receiver, block: BlockRef): void {
  if (verify(receiver, block)) receiver.written(block);
}

describe('Receiver', () => {
  it('says what it chose, then its credit, then asks across file boundaries', () => {
    const { receiver, said, chooseAll } = offered(3 * BLOCK_BYTES, null, 0, 7);
    chooseAll(2 * BLOCK_BYTES);
    expect(said).toEqual([
      { type: 'choice', files: 3, totalBytes: 3 * BLOCK_BYTES + 7, heldBytes: 0 },
      { type: 'credit', bytes: 2 * BLOCK_BYTES },
      {
        type: 'request',
        ranges: [
          [0, 0, 3],
          [3, 0, 1],
        ],
        roots: [0, 2, 3],
      },
    ]);
    receiver.flush();
    expect(said).toHaveLength(3);
  });

  it('chooses once, and not before the manifest is whole', () => {
    expect(() => new Receiver(() => {}).choose([0])).toThrow(/whole manifest/);
    const { chooseAll } = offered(1);
    chooseAll();
    expect(chooseAll).toThrow(/once/);
  });

  it('asks once for what is chosen twice', () => {
    const { receiver, said } = offered(1, 2);
    receiver.choose([1, 0, 1]);
    expect(said[0]).toMatchObject({ files: 2, totalBytes: 3 });
    expect(requested(said)).toEqual([
      [1, 0, 1],
      [0, 0, 1],
    ]);
  });

  it('does not ask for a file that was given up before its turn', () => {
    const { receiver, said, chooseAll } = offered(1, 1, 1);
    receiver.hear({ type: 'failed', entry: 0, code: 'source-unreadable' });
    receiver.fail(1, 'unsafe-path');
    chooseAll();
    expect(requested(said)).toEqual([[2, 0, 1]]);
    expect(rootsAsked(said)).toEqual([2]);
  });

  it('is settled at once where only folders were chosen', () => {
    const { receiver, said, chooseAll } = offered(null, null);
    expect(receiver.settled).toBe(false);
    chooseAll();
    expect(receiver.settled).toBe(true);
    expect(said.map(({ type }) => type)).toEqual(['choice', 'credit']);
  });

  it('asks for more as blocks arrive, never for more than a sender takes', () => {
    const sizes = [(2 * MAX_RANGE_BLOCKS + 5) * BLOCK_BYTES, ...Array(3000).fill(1)];
    const { receiver, said, chooseAll } = offered(...sizes);
    chooseAll();
    const asked = new Set<string>();
    const roots: number[] = [];
    let arrived = 0;
    for (const message of said) {
      // Grows as it is walked through: each answer causes further requests.
      if (message.type !== 'request') continue;
      expect(message.ranges.length).toBeLessThanOrEqual(MAX_LIST_ITEMS);
      roots.push(...message.roots);
      for (const block of blocksOf(message.ranges)) asked.add(`${block.entry}:${block.index}`);
      expect(asked.size - arrived).toBeLessThanOrEqual(1.5 * MAX_RANGE_BLOCKS);
      for (const block of blocksOf(message.ranges)) {
        deliver(receiver, block);
        arrived += 1;
        if (block.entry > 0) receiver.hear({ type: 'roots', roots: [[block.entry, rootOf(block.entry, 1)]] });
        for (const entry of committableOf(receiver)) receiver.committed(entry);
      }
      receiver.flush();
    }
    expect(asked.size).toBe(2 * MAX_RANGE_BLOCKS + 5 + 3000);
    expect(arrived).toBe(asked.size);
    expect(receiver.filesDone).toBe(3000);
    expect(roots.toSorted((a, b) => a - b)).toEqual([...sizes.keys()]);
  });

  it('asks for no more at a time where a file ends just before enough is asked for', () => {
    const { said, chooseAll } = offered((MAX_RANGE_BLOCKS - 1) * BLOCK_BYTES, MAX_RANGE_BLOCKS * BLOCK_BYTES);
    chooseAll();
    expect(blocksOf(requested(said))).toHaveLength(1.5 * MAX_RANGE_BLOCKS);
    expect(rootsAsked(said)).toEqual([0]);
  });

  it('keeps within what a sender lets wait, with files as many and as small as they may be', () => {
    const { said, chooseAll } = offered(...Array(5000).fill(1));
    chooseAll();
    expect(requested(said).length + rootsAsked(said).length).toBeLessThanOrEqual(MAX_PENDING_RANGES);
  });

  it('commits a file when its last block is written and its root matches, in either order', () => {
    const { receiver, said, chooseAll } = offered(1, 1, 0);
    chooseAll();
    receiver.hear({ type: 'roots', roots: [[0, rootOf(0, 1)]] });
    expect(committableOf(receiver)).toEqual([]);
    deliver(receiver, { entry: 0, index: 0 });
    deliver(receiver, { entry: 1, index: 0 });
    expect(committableOf(receiver)).toEqual([0]);
    receiver.hear({ type: 'roots', roots: [[2, rootOf(2, 0)]] });
    receiver.hear({ type: 'roots', roots: [[1, rootOf(1, 1)]] });
    expect(committableOf(receiver)).toEqual([2, 1]);
    for (const entry of [0, 1, 2]) receiver.committed(entry);
    expect([receiver.settled, receiver.filesDone, receiver.bytes]).toEqual([true, 3, 2]);
    receiver.flush();
    receiver.complete();
    expect(acknowledged(said)).toEqual([
      [0, 0, 1],
      [1, 0, 1],
    ]);
    expect(said.at(-1)).toEqual({ type: 'complete' });
  });

  it('acknowledges what is written, not what has arrived', () => {
    const { receiver, said, chooseAll } = offered(2 * BLOCK_BYTES);
    chooseAll();
    for (const index of [0, 1]) expect(verify(receiver, { entry: 0, index })).toBe(true);
    receiver.flush();
    expect(acknowledged(said)).toEqual([]);
    for (const index of [0, 1]) receiver.written({ entry: 0, index });
    receiver.flush();
    receiver.flush();
    expect(acknowledged(said)).toEqual([[0, 0, 2]]);
    expect(receiver.bytes).toBe(2 * BLOCK_BYTES);
  });

  it('asks again for a damaged block, and gives its file up at the third', () => {
    const { receiver, said, chooseAll } = offered(2 * BLOCK_BYTES, 1);
    chooseAll();
    said.length = 0;
    const block = { entry: 0, index: 1 };
    for (const times of [1, 2]) {
      damage(receiver, block);
      damage(receiver, { entry: 1, index: 0 });
      receiver.flush();
      expect(requested(said)).toHaveLength(2 * times);
    }
    deliver(receiver, { entry: 1, index: 0 });
    damage(receiver, { entry: 1, index: 0 });
    damage(receiver, block);
    receiver.flush();
    expect(failures(said)).toEqual([{ type: 'failed', entry: 0, code: 'damaged' }]);
    expect(requested(said)).toHaveLength(4);
    expect(rootsAsked(said)).toEqual([]);
  });

  it('needs no more of a block from when it has arrived, and acknowledges each copy once it is written', () => {
    const { receiver, said, chooseAll } = offered(2 * BLOCK_BYTES, 1);
    chooseAll();
    const block = { entry: 0, index: 0 };
    const acks = () => {
      receiver.flush();
      return acknowledged(said.splice(0)).length;
    };
    expect(receiver.expectedLength(block)).toBe(BLOCK_BYTES);
    receiver.arrived(block);
    expect(receiver.expectedLength(block)).toBeNull();
    receiver.copied(block);
    expect(acks()).toBe(0);
    expect(receiver.verified(block, leafOf(block, 0))).toBe(true);
    expect(receiver.expectedLength(block)).toBeNull();
    receiver.copied(block);
    expect(acks()).toBe(0);
    receiver.written(block);
    expect(receiver.expectedLength(block)).toBeNull();
    expect(acks()).toBe(1);
    receiver.copied(block);
    expect(acks()).toBe(1);
    expect(receiver.bytes).toBe(BLOCK_BYTES);
  });

  it('needs a block again from when it was found damaged', () => {
    const { receiver, said, chooseAll } = offered(BLOCK_BYTES);
    chooseAll();
    const block = { entry: 0, index: 0 };
    damage(receiver, block);
    expect(receiver.expectedLength(block)).toBe(BLOCK_BYTES);
    receiver.flush();
    expect(acknowledged(said)).toEqual([]);
    deliver(receiver, block);
    expect(receiver.expectedLength(block)).toBeNull();
    expect(receiver.bytes).toBe(BLOCK_BYTES);
  });

  it('acknowledges a copy of a block whose file is committed: the sender may have been asked for it twice', () => {
    const { receiver, said, chooseAll } = offered(1);
    chooseAll();
    deliver(receiver, { entry: 0, index: 0 });
    receiver.hear({ type: 'roots', roots: [[0, rootOf(0, 1)]] });
    for (const entry of committableOf(receiver)) receiver.committed(entry);
    receiver.flush();
    said.length = 0;
    expect(receiver.expectedLength({ entry: 0, index: 0 })).toBeNull();
    receiver.copied({ entry: 0, index: 0 });
    receiver.flush();
    expect(acknowledged(said)).toEqual([[0, 0, 1]]);
  });

  it('takes another root than its own for a change of the source', () => {
    const { receiver, chooseAll } = offered(1);
    chooseAll();
    deliver(receiver, { entry: 0, index: 0 });
    receiver.hear({ type: 'roots', roots: [[0, rootOf(0, 2)]] });
    expect(committableOf(receiver)).toEqual([]);
    expect([...receiver.failed]).toEqual([[0, 'source-changed']]);
  });

  it('does not hear of a file that is saved or about to be, and does not offer one that failed for saving', () => {
    const { receiver, said, chooseAll } = offered(0, 0, 0);
    chooseAll();
    receiver.hear({
      type: 'roots',
      roots: [
        [0, rootOf(0, 0)],
        [1, rootOf(1, 0)],
        [2, rootOf(2, 0)],
      ],
    });
    receiver.fail(2, 'disk-full');
    expect(committableOf(receiver)).toEqual([0, 1]);
    receiver.committed(0);
    receiver.hear({ type: 'failed', entry: 0, code: 'source-unreadable' });
    receiver.hear({ type: 'failed', entry: 1, code: 'source-unreadable' });
    receiver.fail(0, 'disk-full');
    receiver.committed(1);
    receiver.committed(2);
    expect(receiver.filesDone).toBe(2);
    expect([...receiver.failed]).toEqual([[2, 'disk-full']]);
    expect(failures(said)).toHaveLength(1);
    expect(receiver.settled).toBe(true);
  });

  it('says once what a person holds up or cancels, and shows what either side does', () => {
    const { receiver, said, chooseAll } = offered(1, 1, 0);
    chooseAll();
    said.length = 0;
    for (const paused of [true, true, false]) receiver.pause(paused);
    receiver.pause(true, 1);
    receiver.hear({ type: 'pause', paused: true });
    receiver.hear({ type: 'pause', paused: true, entry: 0 });
    expect(receiver.paused).toMatchObject({ here: false, there: true });
    expect([[...receiver.paused.entriesHere], [...receiver.paused.entriesThere]]).toEqual([[1], [0]]);
    receiver.hear({ type: 'pause', paused: false });
    receiver.hear({ type: 'pause', paused: false, entry: 0 });
    expect([receiver.paused.there, receiver.paused.entriesThere.size]).toEqual([false, 0]);
    receiver.hear({ type: 'roots', roots: [[2, rootOf(2, 0)]] });
    receiver.cancel(0);
    receiver.cancel(0);
    receiver.cancel(2);
    expect(committableOf(receiver)).toEqual([2]);
    expect(receiver.takeGivenUp()).toEqual([0]);
    expect(receiver.takeFailed()).toEqual([[0, 'cancelled']]);
    expect(said).toEqual([
      { type: 'pause', paused: true },
      { type: 'pause', paused: false },
      { type: 'pause', paused: true, entry: 1 },
      { type: 'failed', entry: 0, code: 'cancelled' },
    ]);
  });

  it('lets what was on its way arrive after its file was settled', () => {
    const { receiver, chooseAll } = offered(2 * BLOCK_BYTES);
    chooseAll();
    for (const index of [0, 1]) receiver.arrived({ entry: 0, index });
    receiver.hear({ type: 'failed', entry: 0, code: 'source-unreadable' });
    expect(receiver.settled).toBe(true);
    expect(receiver.expectedLength({ entry: 0, index: 1 })).toBeNull();
    expect(receiver.verified({ entry: 0, index: 1 }, leafOf({ entry: 0, index: 1 }, 0))).toBe(false);
    receiver.mismatched({ entry: 0, index: 0 });
    receiver.hear({ type: 'roots', roots: [[0, rootOf(0, 1)]] });
    expect(committableOf(receiver)).toEqual([]);
  });

  const page = (number: number) => ({
    type: 'page' as const,
    page: number,
    entries: [{ kind: 'folder' as const, path: 'x' }],
  });
  it.each<[string, (made: ReturnType<typeof offered>) => void]>([
    [
      'a second manifest',
      ({ receiver }) => receiver.hear({ type: 'manifest', entries: 1, pages: 1, totalBytes: 0 }),
    ],
    ['a page too many', ({ receiver }) => receiver.hear(page(1))],
    ['a page before the manifest', () => new Receiver(() => {}).hear(page(0))],
    [
      'a failure before the manifest',
      () => new Receiver(() => {}).hear({ type: 'failed', entry: 0, code: 'damaged' }),
    ],
    [
      'a root before the choice',
      ({ receiver }) => receiver.hear({ type: 'roots', roots: [[0, rootOf(0, 1)]] }),
    ],
    [
      'a root of a file not chosen',
      ({ receiver }) => [receiver.choose([0]), receiver.hear({ type: 'roots', roots: [[2, rootOf(2, 1)]] })],
    ],
    [
      'a root of a folder',
      ({ receiver, chooseAll }) => [
        chooseAll(),
        receiver.hear({ type: 'roots', roots: [[1, rootOf(1, 1)]] }),
      ],
    ],
    [
      'a root twice',
      ({ receiver, chooseAll }) => [
        chooseAll(),
        receiver.hear({
          type: 'roots',
          roots: [
            [0, rootOf(0, 1)],
            [0, rootOf(0, 1)],
          ],
        }),
      ],
    ],
    ['a failure of a folder', ({ receiver }) => receiver.hear({ type: 'failed', entry: 1, code: 'damaged' })],
    ['a pause of a folder', ({ receiver }) => receiver.hear({ type: 'pause', paused: true, entry: 1 })],
    ['a pause of nothing there', ({ receiver }) => receiver.hear({ type: 'pause', paused: true, entry: 5 })],
    [
      'a failure of an entry that is not there',
      ({ receiver }) => receiver.hear({ type: 'failed', entry: 9, code: 'damaged' }),
    ],
    ['a block before the choice', ({ receiver }) => receiver.expectedLength({ entry: 0, index: 0 })],
    [
      'a block of a file not chosen',
      ({ receiver }) => [receiver.choose([0]), receiver.expectedLength({ entry: 2, index: 0 })],
    ],
    [
      'a block of a folder',
      ({ receiver, chooseAll }) => [chooseAll(), receiver.expectedLength({ entry: 1, index: 0 })],
    ],
    [
      'a block of an empty file',
      ({ receiver, chooseAll }) => [chooseAll(), receiver.expectedLength({ entry: 3, index: 0 })],
    ],
    [
      'a block past a file’s end',
      ({ receiver, chooseAll }) => [chooseAll(), receiver.expectedLength({ entry: 0, index: 3 })],
    ],
    [
      'a block not asked for yet',
      ({ receiver, chooseAll }) => [
        chooseAll(),
        receiver.expectedLength({ entry: 4, index: MAX_RANGE_BLOCKS }),
      ],
    ],
    [
      'a root of a file not asked for to its end',
      ({ receiver, chooseAll }) => [
        chooseAll(),
        receiver.hear({ type: 'roots', roots: [[4, rootOf(0, 0)]] }),
      ],
    ],
  ])('refuses %s', (_what, act) => {
    const made = offered(2 * BLOCK_BYTES + 1, null, 1, 0, 2 ** 40);
    expect(() => act(made)).toThrow(ProtocolViolation);
  });

  it('cuts off a sender that takes no heed of the credit while the disk is slow', () => {
    const { receiver, chooseAll } = offered(100 * BLOCK_BYTES);
    chooseAll(BLOCK_BYTES);
    let index = 0;
    const flood = () => {
      for (; index < 100; index += 1) verify(receiver, { entry: 0, index });
    };
    expect(flood).toThrow(ProtocolViolation);
    expect(index).toBe(5);
    for (let each = 0; each < 5; each += 1) receiver.written({ entry: 0, index: each });
    expect(flood).toThrow(ProtocolViolation);
    expect(index).toBe(10);
    receiver.fail(0, 'sink-failed');
    expect(receiver.expectedLength({ entry: 0, index })).toBeNull();
  });
});

describe('a hostile sender', () => {
  const SIZES = [0, 1, 3 * BLOCK_BYTES, null, 2 ** 40, BLOCK_BYTES];
  const reach = { entries: SIZES.length, blocks: 4, bytes: 2 ** 40 };
  const frame = fc.record({
    block: fc.record({ entry: fc.nat({ max: SIZES.length }), index: fc.oneof(fc.nat({ max: 4 }), fc.nat()) }),
    version: fc.constantFrom(0, 0, 0, 1),
    damaged: fc.constantFrom(false, false, true),
  });
  /** The root that an honest sender would tell, so that now and then a file is proven. */
  const trueRoot = fc.constantFrom(0, 1, 2, 5).map(
    (entry) =>
      ({
        type: 'roots' as const,
        roots: [[entry, rootOf(entry, SIZES[entry] as number)]],
      }) as SenderMessage,
  );
  /** Held from an earlier session, in a version that may no longer be the sender's. */
  const HELD = [
    { entry: 2, index: 0 },
    { entry: 2, index: 1 },
    { entry: 4, index: 2 },
    { entry: 5, index: 0 },
  ];
  const recheck = fc.record({ recheck: fc.constantFrom(...HELD), version: fc.constantFrom(0, 0, 1, null) });
  const trueLeaves = fc.constant({
    type: 'leaves' as const,
    entry: 2,
    first: 0,
    leaves: [0, 1].map((index) => leafOf({ entry: 2, index }, 0)),
  });
  const step = fc.oneof(
    { weight: 1, arbitrary: anySenderMessage(reach) },
    { weight: 1, arbitrary: trueRoot },
    { weight: 1, arbitrary: trueLeaves },
    { weight: 3, arbitrary: recheck },
    { weight: 6, arbitrary: frame },
    { weight: 4, arbitrary: fc.constantFrom('write' as const, 'write' as const, 'commit' as const) },
    { weight: 1, arbitrary: fc.constantFrom('flush' as const, 'fail' as const, 'cancel' as const) },
  );

  it(
    'brings a receiver to nothing but ProtocolViolation, and to no file under a false root',
    () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
          const { receiver, said } = offered(...SIZES);
          const held = new Map(HELD.map(({ entry }) => [entry, [] as number[]]));
          for (const { entry, index } of HELD) held.get(entry)?.push(index);
          receiver.choose([...SIZES.keys()], { held });
          const undecided = new Set<BlockRef>(HELD);
          const allowedMessages = said.length + 3 * steps.length;
          const writes: { block: BlockRef; version: number }[] = [];
          const written = new Map<string, number>();
          for (const each of steps) {
            if (each === 'write') {
              const write = writes.pop();
              if (write) written.set(`${write.block.entry}:${write.block.index}`, write.version);
              if (write) receiver.written(write.block);
            } else if (each === 'commit') {
              for (const entry of committableOf(receiver)) {
                const blocks = [...Array(blockCount(SIZES[entry] as number)).keys()];
                expect(blocks.map((index) => written.get(`${entry}:${index}`))).toEqual(blocks.map(() => 0));
                receiver.committed(entry);
              }
            } else if (each === 'flush') {
              receiver.flush();
            } else if (each === 'fail') {
              const write = writes.pop();
              if (write) receiver.fail(write.block.entry, 'sink-failed');
            } else if (each === 'cancel') {
              receiver.cancel(1);
            } else if ('recheck' in each) {
              const { recheck: block, version } = each;
              if (!undecided.delete(block)) continue;
              if (version === null) receiver.lost(block);
              else receiver.kept(block, leafOf(block, version));
              if (version !== null) written.set(`${block.entry}:${block.index}`, version);
            } else if ('type' in each) {
              try {
                receiver.hear(each);
              } catch (error) {
                expect(error).toBeInstanceOf(ProtocolViolation);
                return;
              }
            } else {
              const { block, version, damaged } = each;
              try {
                if (damaged) damage(receiver, block);
                else if (verify(receiver, block, version)) writes.push({ block, version });
              } catch (error) {
                // It would end the session, too soon to learn anything.
                expect(error).toBeInstanceOf(ProtocolViolation);
              }
            }
          }
          expect(said.length).toBeLessThanOrEqual(allowedMessages);
          expect(receiver.bytes).toBeGreaterThanOrEqual(0);
        }),
        { numRuns: 2000 * FUZZ },
      );
    },
    20_000 * FUZZ,
  );
});
