import { describe, expect, it } from 'vitest';
import { type BlockRef, blockCount } from './block.ts';
import type { ReceiverMessage, SenderMessage } from './control-message.ts';
import type { Entry } from './entry.ts';
import { ProtocolViolation } from './errors.ts';
import { LeafTree } from './leaf-tree.ts';
import {
  BLOCK_BYTES,
  MAX_COMPARES_ASKED,
  MAX_LIST_ITEMS,
  MAX_PENDING_RANGES,
  MAX_RANGE_BLOCKS,
} from './limits.ts';
import { Manifest } from './manifest.ts';
import { Receiver, type Resumption } from './receiver.ts';
import { leafOf } from './testing/transfer-books.ts';

/** A receiver that goes on with files of these sizes. */
function goOn(
  sizes: readonly number[],
  resumption: Resumption,
  beforeChoosing: (receiver: Receiver) => unknown = () => {},
  ids: readonly number[] = [...sizes.keys()],
) {
  const manifest = new Manifest(
    sizes.map((sizeBytes, i): Entry => ({ kind: 'file', path: `file ${i}`, sizeBytes })),
  );
  const said: ReceiverMessage[] = [];
  const receiver = new Receiver((message) => said.push(message));
  receiver.hear(manifest.header);
  for (let page = 0; page < manifest.header.pages; page += 1) receiver.hear(manifest.page(page));
  beforeChoosing(receiver);
  said.length = 0;
  receiver.choose(ids, resumption);
  const choice = said[0];
  return { receiver, said, choice };
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);
const requests = (said: ReceiverMessage[]) =>
  said.splice(0).flatMap((message) => (message.type === 'request' ? [message] : []));
const ranges = (said: ReceiverMessage[]) => requests(said).flatMap((message) => message.ranges);
const kept = (receiver: Receiver, block: BlockRef, version = 0) =>
  receiver.kept(block, leafOf(block, version));

function deliver(receiver: Receiver, block: BlockRef, version = 0): void {
  if (receiver.expectedLength(block) === null) return;
  receiver.arrived(block);
  if (receiver.verified(block, leafOf(block, version))) receiver.written(block);
}

/** The leaves of a file whose block at `changed` is another version, and their root. */
function source(entry: number, sizeBytes: number, changed: readonly number[] = []) {
  const tree = new LeafTree(sizeBytes, blockCount(sizeBytes));
  const leaves = upTo(blockCount(sizeBytes)).map((index) =>
    leafOf({ entry, index }, changed.includes(index) ? 1 : 0),
  );
  for (const [index, leaf] of leaves.entries()) tree.set(index, leaf);
  return { leaves, root: { type: 'roots' as const, roots: [[entry, tree.root()] as [number, Uint8Array]] } };
}

describe('a receiver that goes on', () => {
  it('asks for a settled file that is not whole after all, but for what it holds of it', () => {
    const size = 2 * BLOCK_BYTES + 5;
    const { receiver, said } = goOn([5, size], { settled: { files: 1, bytes: size } }, undefined, [0]);
    deliver(receiver, { entry: 0, index: 0 });
    receiver.hear(source(0, 5).root);
    receiver.takeCommittable();
    receiver.committed(0);
    expect([receiver.settled, receiver.bytes, receiver.filesDone]).toEqual([true, size + 5, 2]);
    said.length = 0;
    receiver.reopen(1, [0, 2]);
    expect([receiver.settled, receiver.bytes, receiver.filesDone]).toEqual([false, 5, 1]);
    receiver.flush();
    expect(requests(said)).toEqual([{ type: 'request', ranges: [[1, 1, 1]], roots: [1] }]);
    for (const index of [0, 2]) kept(receiver, { entry: 1, index });
    deliver(receiver, { entry: 1, index: 1 });
    receiver.hear(source(1, size).root);
    expect(receiver.takeCommittable().map(({ entry }) => entry)).toEqual([1]);
    receiver.committed(1);
    expect([receiver.settled, receiver.bytes, receiver.filesDone]).toEqual([true, size + 5, 2]);
  });

  it.each(['before the choice', 'after it'])(
    'gives such a file up that the sender had given up %s, when nobody wanted it',
    (when) => {
      const failed: SenderMessage = { type: 'failed', entry: 1, code: 'source-unreadable' };
      const isBefore = when === 'before the choice';
      const before = (receiver: Receiver) => isBefore && receiver.hear(failed);
      const { receiver } = goOn([0, 5], { settled: { files: 1, bytes: 5 } }, before, [0]);
      if (!isBefore) receiver.hear(failed);
      expect([[...receiver.failed], receiver.takeFailed()]).toEqual([[], []]);
      receiver.reopen(1, [0]);
      expect([...receiver.failed]).toEqual([[1, 'source-unreadable']]);
      expect(receiver.takeFailed()).toEqual([[1, 'source-unreadable']]);
      expect(receiver.takeGivenUp()).toEqual([1]);
      receiver.flush();
      receiver.hear(source(0, 0).root);
      receiver.takeCommittable();
      receiver.committed(0);
      expect(receiver.settled).toBe(true);
    },
  );

  it('asks first for what it lacks something of, then for the roots of what it may have whole', () => {
    const held = new Map([
      [0, [0, 1]],
      [2, [0]],
    ]);
    const { said } = goOn([2 * BLOCK_BYTES, 5, 2 * BLOCK_BYTES, 0], { held });
    expect(requests(said)).toEqual([
      {
        type: 'request',
        ranges: [
          [1, 0, 1],
          [2, 1, 1],
        ],
        roots: [1, 2, 3, 0],
      },
    ]);
  });

  it('counts what it holds and what is committed, and asks for what lies between', () => {
    const size = 6 * BLOCK_BYTES + 5;
    const { receiver, said, choice } = goOn([size, 0, BLOCK_BYTES], {
      held: new Map([
        [0, [1, 2, 6, 2, 7, -1]],
        [2, [0]],
      ]),
      settled: { files: 2, bytes: 10 },
    });
    expect(choice).toEqual({
      type: 'choice',
      files: 5,
      totalBytes: size + BLOCK_BYTES + 10,
      heldBytes: 3 * BLOCK_BYTES + 5 + 10,
    });
    expect(requests(said)).toEqual([
      {
        type: 'request',
        ranges: [
          [0, 0, 1],
          [0, 3, 3],
        ],
        roots: [0, 1, 2],
      },
    ]);
    expect([receiver.bytes, receiver.filesDone]).toEqual([10, 2]);
    kept(receiver, { entry: 0, index: 6 });
    kept(receiver, { entry: 0, index: 6 });
    expect(receiver.bytes).toBe(15);
    expect(said).toEqual([]);
  });

  it('commits a file that it holds whole by its root alone, and acknowledges nothing of it', () => {
    const { receiver, said } = goOn([2 * BLOCK_BYTES], { held: new Map([[0, upTo(2)]]) });
    expect(ranges(said)).toEqual([]);
    const { root } = source(0, 2 * BLOCK_BYTES);
    kept(receiver, { entry: 0, index: 1 });
    receiver.hear(root);
    expect(receiver.takeCommittable()).toEqual([]);
    kept(receiver, { entry: 0, index: 0 });
    expect(receiver.takeCommittable()).toEqual([{ entry: 0, root: root.roots[0]?.[1] }]);
    receiver.committed(0);
    receiver.flush();
    expect([receiver.settled, receiver.bytes, said]).toEqual([true, 2 * BLOCK_BYTES, []]);
  });

  it('asks for a lost block with its range, or again where that has passed', () => {
    const blocks = 3 * MAX_RANGE_BLOCKS;
    const { receiver, said } = goOn([blocks * BLOCK_BYTES], { held: new Map([[0, [1, blocks - 1]]]) });
    expect(ranges(said)).toEqual([
      [0, 0, 1],
      [0, 2, MAX_RANGE_BLOCKS - 1],
    ]);
    for (const index of [blocks - 1, 1, 1]) receiver.lost({ entry: 0, index });
    expect(() => receiver.expectedLength({ entry: 0, index: 1 })).toThrow(ProtocolViolation);
    receiver.flush();
    expect(ranges(said)).toEqual([]);
    for (const index of upTo(MAX_RANGE_BLOCKS / 2)) if (index !== 1) deliver(receiver, { entry: 0, index });
    receiver.flush();
    expect(ranges(said)).toEqual(
      [
        [0, 1, 1],
        [0, MAX_RANGE_BLOCKS + 1, MAX_RANGE_BLOCKS],
      ].slice(0, 1),
    );
    deliver(receiver, { entry: 0, index: 1 });
    for (let next = MAX_RANGE_BLOCKS / 2; next < blocks; next += 1) {
      receiver.flush();
      deliver(receiver, { entry: 0, index: next });
    }
    expect(receiver.bytes).toBe(blocks * BLOCK_BYTES);
  });

  it.each([
    ['held in every other place', (index: number) => index % 2 === 0, false],
    ['lost in every other place', (index: number) => index % 2 === 0, true],
    ['lost to the last', () => true, true],
  ])('keeps within what a sender lets wait, %s', (_, isHeld, isLost) => {
    const blocks = 10 * MAX_RANGE_BLOCKS;
    const sizes = [blocks * BLOCK_BYTES, blocks * BLOCK_BYTES, ...Array(3000).fill(1)];
    const held = upTo(blocks).filter(isHeld);
    const { receiver, said } = goOn(sizes, {
      held: new Map([
        [0, held],
        [1, held],
      ]),
    });
    const waiting = new Map<string, number>();
    const note = () => {
      for (const { ranges, roots } of requests(said)) {
        for (const [entry, first, count] of ranges) {
          expect(count).toBeLessThanOrEqual(MAX_RANGE_BLOCKS);
          for (let i = 0; i < count; i += 1) waiting.set(`${entry}:${first + i}`, entry);
        }
        for (const entry of roots) waiting.set(`root of ${entry}`, entry);
      }
      // Each block may be a range of its own.
      expect(waiting.size).toBeLessThanOrEqual(2 * MAX_PENDING_RANGES);
    };
    note();
    for (const entry of [0, 1]) {
      for (const index of held) {
        if (isLost) receiver.lost({ entry, index });
        else kept(receiver, { entry, index });
      }
    }
    receiver.flush();
    note();
    for (let arrived = 0; arrived < 30_000; arrived += 1) {
      const [next] = waiting;
      if (!next) break;
      const [key, entry] = next;
      waiting.delete(key);
      if (key.startsWith('root')) {
        if (entry > 1) receiver.hear(source(entry, 1).root);
      } else {
        deliver(receiver, { entry, index: Number(key.split(':')[1]) });
      }
      for (const { entry: done } of receiver.takeCommittable()) receiver.committed(done);
      if (arrived % 100 === 0) receiver.flush();
      note();
    }
  });

  it('keeps books on what is held before its file’s turn, and gives it up with its file', () => {
    const files = 1500;
    const sizes = upTo(files).map(() => 1);
    const { receiver, said } = goOn(sizes, {
      held: new Map([
        [files - 1, [0]],
        [files - 2, [0]],
        [files - 3, [0]],
      ]),
    });
    said.length = 0;
    kept(receiver, { entry: files - 1, index: 0 });
    receiver.lost({ entry: files - 2, index: 0 });
    receiver.hear({ type: 'failed', entry: files - 3, code: 'source-unreadable' });
    receiver.cancel(files - 4);
    expect(receiver.takeGivenUp()).toEqual([files - 3]);
    expect(receiver.takeFailed()).toEqual([
      [files - 3, 'source-unreadable'],
      [files - 4, 'cancelled'],
    ]);
    expect(receiver.takeFailed()).toEqual([]);
    kept(receiver, { entry: files - 3, index: 0 });
    expect(receiver.bytes).toBe(1);
    for (const entry of upTo(files - 4)) {
      deliver(receiver, { entry, index: 0 });
      receiver.hear(source(entry, 1).root);
      for (const { entry: done } of receiver.takeCommittable()) receiver.committed(done);
      receiver.flush();
    }
    const asked = requests(said);
    expect(asked.flatMap((message) => message.ranges).at(-1)).toEqual([files - 2, 0, 1]);
    expect(asked.flatMap((message) => message.roots).slice(-2)).toEqual([files - 2, files - 1]);
  });

  it('asks no more for a lost block of a file that was given up', () => {
    const { receiver, said } = goOn([3 * BLOCK_BYTES, 1], { held: new Map([[0, [1]]]) });
    said.length = 0;
    receiver.lost({ entry: 0, index: 1 });
    receiver.cancel(0);
    receiver.flush();
    expect(said).toEqual([{ type: 'failed', entry: 0, code: 'cancelled' }]);
  });

  it('throws away what it holds of a file that was given up before it chose', () => {
    const { receiver } = goOn([1, 1], { held: new Map([[0, [0]]]) }, (before) => before.cancel(0));
    expect(receiver.takeGivenUp()).toEqual([0]);
    expect(receiver.takeFailed()).toEqual([[0, 'cancelled']]);
  });

  it('refuses a held block that nobody asked for', () => {
    const { receiver } = goOn([3 * BLOCK_BYTES], { held: new Map([[0, [0, 1]]]) });
    kept(receiver, { entry: 0, index: 0 });
    for (const index of [0, 1])
      expect(() => receiver.expectedLength({ entry: 0, index })).toThrow(/never asked for/);
    expect(receiver.expectedLength({ entry: 0, index: 2 })).toBe(BLOCK_BYTES);
  });
});

describe('a file that changed between sessions', () => {
  const SIZE = 4 * BLOCK_BYTES;

  function mismatching(changed: readonly number[], sizeBytes = SIZE, held = upTo(blockCount(sizeBytes) - 1)) {
    const made = goOn([sizeBytes], { held: new Map([[0, held]]) });
    for (const index of held) kept(made.receiver, { entry: 0, index });
    for (const index of upTo(blockCount(sizeBytes)))
      if (!held.includes(index)) deliver(made.receiver, { entry: 0, index });
    made.receiver.flush();
    made.said.length = 0;
    const { leaves, root } = source(0, sizeBytes, changed);
    made.receiver.hear(root);
    return { ...made, leaves };
  }

  it('is compared, and what differs is fetched again', () => {
    const { receiver, said, leaves } = mismatching([1]);
    expect(said.splice(0)).toEqual([{ type: 'compare', entry: 0, first: 0, count: 3 }]);
    expect(receiver.bytes).toBe(SIZE);
    receiver.hear({ type: 'leaves', entry: 0, first: 0, leaves: leaves.slice(0, 3) });
    expect([receiver.takeChanged(), receiver.takeChanged(), receiver.bytes]).toEqual([
      [0],
      [],
      3 * BLOCK_BYTES,
    ]);
    receiver.flush();
    expect(requests(said)).toEqual([{ type: 'request', ranges: [[0, 1, 1]], roots: [] }]);
    deliver(receiver, { entry: 0, index: 1 }, 1);
    expect(receiver.takeCommittable()).toHaveLength(1);
    expect([receiver.bytes, receiver.failed.size]).toEqual([SIZE, 0]);
  });

  it('fails where no leaf differs, for the sender contradicts itself', () => {
    const { receiver } = mismatching([3]);
    receiver.hear({ type: 'leaves', entry: 0, first: 0, leaves: source(0, SIZE).leaves.slice(0, 3) });
    expect([...receiver.failed]).toEqual([[0, 'source-changed']]);
    expect(receiver.takeChanged()).toEqual([]);
  });

  it('fails where only blocks differ that came in this session', () => {
    const { receiver, said, leaves } = mismatching([1], SIZE, [0, 2]);
    expect(said).toEqual([{ type: 'compare', entry: 0, first: 0, count: 3 }]);
    receiver.hear({ type: 'leaves', entry: 0, first: 0, leaves: leaves.slice(0, 3) });
    expect([...receiver.failed]).toEqual([[0, 'source-changed']]);
  });

  it('fails where it does not match after that either, without being compared again', () => {
    const { receiver, said, leaves } = mismatching([1]);
    receiver.hear({ type: 'leaves', entry: 0, first: 0, leaves: leaves.slice(0, 3) });
    receiver.flush();
    said.length = 0;
    deliver(receiver, { entry: 0, index: 1 }, 2);
    expect(said).toEqual([{ type: 'failed', entry: 0, code: 'source-changed' }]);
  });

  it('is not compared where nothing of it was held', () => {
    const { said } = mismatching([1], SIZE, []);
    expect(said).toEqual([{ type: 'failed', entry: 0, code: 'source-changed' }]);
  });

  it('of one block is fetched again at once', () => {
    const { receiver, said } = mismatching([0], 7, [0]);
    receiver.flush();
    expect(said).toEqual([{ type: 'request', ranges: [[0, 0, 1]], roots: [] }]);
    expect([receiver.takeChanged(), receiver.bytes]).toEqual([[0], 0]);
    deliver(receiver, { entry: 0, index: 0 }, 1);
    expect(receiver.takeCommittable()).toHaveLength(1);
  });

  it('asks for leaves some at a time, around what was held', () => {
    const blocks = (MAX_COMPARES_ASKED + 3) * MAX_LIST_ITEMS;
    const held = [...upTo(blocks - 3 * MAX_LIST_ITEMS), blocks - 1];
    const { receiver, said, leaves } = mismatching([0, blocks - 1], blocks * BLOCK_BYTES, held);
    let answered = 0;
    for (const message of said) {
      if (message.type !== 'compare') continue;
      expect(said.length - answered).toBeLessThanOrEqual(MAX_COMPARES_ASKED);
      expect(receiver.takeChanged()).toEqual([]);
      const { first, count } = message;
      answered += 1;
      receiver.hear({ type: 'leaves', entry: 0, first, leaves: leaves.slice(first, first + count) });
    }
    expect(said.at(-1)).toEqual({ type: 'compare', entry: 0, first: blocks - 1, count: 1 });
    expect(answered).toBe(MAX_COMPARES_ASKED + 1);
    receiver.flush();
    expect(ranges(said)).toEqual([
      [0, 0, 1],
      [0, blocks - 1, 1],
    ]);
  });

  it('is asked about no further once it was given up, and makes way for another', () => {
    const blocks = (MAX_COMPARES_ASKED + 3) * MAX_LIST_ITEMS;
    const { receiver, said, leaves } = mismatching([0], blocks * BLOCK_BYTES, upTo(blocks));
    const first = said.splice(0);
    receiver.cancel(0);
    for (const message of first) {
      if (message.type !== 'compare') continue;
      const { first: from, count } = message;
      receiver.hear({ type: 'leaves', entry: 0, first: from, leaves: leaves.slice(from, from + count) });
    }
    expect(first).toHaveLength(MAX_COMPARES_ASKED);
    expect(said).toEqual([{ type: 'failed', entry: 0, code: 'cancelled' }]);
  });

  it('may be given up meanwhile, by either side', () => {
    const one = mismatching([1]);
    one.receiver.cancel(0);
    expect(() =>
      one.receiver.hear({ type: 'leaves', entry: 0, first: 0, leaves: one.leaves.slice(0, 3) }),
    ).not.toThrow();
    const other = mismatching([1]);
    other.receiver.hear({ type: 'failed', entry: 0, code: 'source-unreadable' });
    expect(() =>
      other.receiver.hear({ type: 'leaves', entry: 0, first: 0, leaves: other.leaves.slice(0, 3) }),
    ).toThrow(ProtocolViolation);
    for (const { receiver } of [one, other])
      expect([receiver.settled, receiver.takeChanged()]).toEqual([true, []]);
  });

  it.each<[string, number, number, number]>([
    ['another file', 1, 0, 3],
    ['other blocks', 0, 1, 3],
    ['fewer blocks', 0, 0, 2],
    ['more blocks', 0, 0, 4],
  ])('refuses leaves of %s', (_what, entry, first, count) => {
    const { receiver, leaves } = mismatching([1]);
    const told = { type: 'leaves' as const, entry, first, leaves: leaves.slice(0, count) };
    expect(() => receiver.hear(told)).toThrow(ProtocolViolation);
  });

  it('refuses leaves that come twice, or before any were asked for', () => {
    const { receiver, leaves } = mismatching([1]);
    const told = { type: 'leaves' as const, entry: 0, first: 0, leaves: leaves.slice(0, 3) };
    receiver.hear(told);
    expect(() => receiver.hear(told)).toThrow(ProtocolViolation);
    expect(() => goOn([SIZE], {}).receiver.hear(told)).toThrow(ProtocolViolation);
  });
});
