import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type BlockRef, MIN_CREDIT_COST_BYTES } from './block.ts';
import { encodeControlMessage, type SenderMessage } from './control-message.ts';
import type { Entry } from './entry.ts';
import { ProtocolViolation } from './errors.ts';
import {
  BLOCK_BYTES,
  DEFAULT_CREDIT_BYTES,
  MAX_CONTROL_BYTES,
  MAX_LIST_ITEMS,
  MAX_RANGE_BLOCKS,
} from './limits.ts';
import { Manifest } from './manifest.ts';
import { Sender, type SenderTask } from './sender.ts';
import { anyReceiverMessage } from './testing/any-control-message.ts';
import { FUZZ } from './testing/fuzz.ts';
import { leafOf } from './testing/transfer-books.ts';

/** A share of files of these sizes, null standing for a folder, and a receiver that chose all of it. */
function offer(...sizes: (number | null)[]) {
  const entries = sizes.map(
    (sizeBytes, i): Entry =>
      sizeBytes === null
        ? { kind: 'folder', path: `folder ${i}` }
        : { kind: 'file', path: `file ${i}`, sizeBytes },
  );
  const said: SenderMessage[] = [];
  const manifest = new Manifest(entries);
  const sender = new Sender(manifest, (message) => said.push(message));
  const pages = said.splice(1);
  const { totalBytes } = manifest.header;
  const chooseAll = () => sender.hear({ type: 'choice', files: entries.length, totalBytes, heldBytes: 0 });
  const request = (ranges: [number, number, number][], roots: number[] = []) =>
    sender.hear({ type: 'request', ranges, roots });
  return { sender, said, pages, chooseAll, request };
}

/** Takes every task that there is now. */
function takeAll(sender: Sender): SenderTask[] {
  const tasks: SenderTask[] = [];
  for (let task = sender.take(); task; task = sender.take()) tasks.push(task);
  return tasks;
}

/** `send 0:1`, for reading. */
const name = (task: SenderTask): string =>
  task.type === 'confirm' ? `confirm ${task.entry}` : `${task.type} ${task.block.entry}:${task.block.index}`;
const hash = (sender: Sender, ...blocks: BlockRef[]) => {
  for (const block of blocks) sender.hashed(block, leafOf(block, 0));
};

describe('Sender', () => {
  it('has a file under way from the request to the last acknowledgement, or until it is given up', () => {
    const { sender, chooseAll, request } = offer(2 * BLOCK_BYTES, 5, 0, 5);
    chooseAll();
    expect([...sender.underWay]).toEqual([]);
    request(
      [
        [0, 0, 2],
        [1, 0, 1],
      ],
      [2],
    );
    expect([...sender.underWay].sort()).toEqual([0, 1, 2]);
    takeAll(sender);
    sender.hear({ type: 'ack', blocks: [[0, 0, 1]] });
    expect([...sender.underWay].sort()).toEqual([0, 1]);
    sender.cancel(1);
    expect([...sender.underWay]).toEqual([0]);
    sender.hear({ type: 'ack', blocks: [[0, 1, 1]] });
    expect([...sender.underWay]).toEqual([]);
  });

  it('announces the manifest with its first pages at once and gives the pages that it is asked for', () => {
    const { sender, said, pages } = offer(5, null);
    expect(said).toEqual([{ type: 'manifest', entries: 2, pages: 1, totalBytes: 5 }]);
    expect(pages).toMatchObject([{ type: 'page', page: 0 }]);
    sender.hear({ type: 'pages', first: 0, count: 1 });
    expect(said.slice(1)).toEqual(pages);
    expect(() => sender.hear({ type: 'pages', first: 0, count: 2 })).toThrow(ProtocolViolation);
  });

  it('serves blocks in the order asked for, with their lengths', () => {
    const { sender, chooseAll, request } = offer(2 * BLOCK_BYTES + 7, 3);
    chooseAll();
    request([
      [0, 2, 1],
      [1, 0, 1],
      [0, 0, 2],
    ]);
    const tasks = takeAll(sender);
    expect(tasks.map(name)).toEqual(['send 0:2', 'send 1:0', 'send 0:0', 'send 0:1']);
    expect(tasks.map((task) => task.type === 'send' && task.lengthBytes)).toEqual([
      7,
      3,
      BLOCK_BYTES,
      BLOCK_BYTES,
    ]);
  });

  it('sends no more than the credit, goes on as acknowledgements come, and counts 4,096 bytes for less', () => {
    const { sender, chooseAll, request } = offer(20 * BLOCK_BYTES, ...Array(600).fill(1));
    chooseAll();
    request([[0, 0, 20]]);
    expect(takeAll(sender)).toHaveLength(DEFAULT_CREDIT_BYTES / BLOCK_BYTES);
    sender.hear({ type: 'ack', blocks: [[0, 3, 2]] });
    expect(takeAll(sender).map(name)).toEqual(['send 0:16', 'send 0:17']);
    sender.hear({ type: 'ack', blocks: [[0, 0, 20]] });
    sender.hear({ type: 'ack', blocks: [[0, 0, 20]] });
    expect(sender.acknowledgedBytes).toBe(18 * BLOCK_BYTES);
    takeAll(sender);
    sender.hear({ type: 'ack', blocks: [[0, 18, 2]] });
    expect(sender.acknowledgedBytes).toBe(20 * BLOCK_BYTES);
    sender.hear({ type: 'credit', bytes: BLOCK_BYTES });
    request(Array.from({ length: MAX_LIST_ITEMS }, (_, i) => [i + 1, 0, 1]));
    expect(takeAll(sender)).toHaveLength(BLOCK_BYTES / MIN_CREDIT_COST_BYTES);
  });

  it('sends what is asked for again in its turn, and counts it once however often it is sent', () => {
    const { sender, chooseAll, request } = offer(20 * BLOCK_BYTES);
    chooseAll();
    request([[0, 0, 16]]);
    takeAll(sender);
    request([
      [0, 16, 4],
      [0, 3, 1],
      [0, 3, 1],
    ]);
    // It is freed when it is asked for again, and not a second time.
    expect(takeAll(sender).map(name)).toEqual(['send 0:16']);
    sender.hear({ type: 'ack', blocks: [[0, 0, 2]] });
    expect(takeAll(sender).map(name)).toEqual(['send 0:17', 'send 0:18']);
    sender.hear({ type: 'ack', blocks: [[0, 4, 4]] });
    expect(takeAll(sender).map(name)).toEqual(['send 0:19', 'send 0:3', 'send 0:3']);
    sender.hear({ type: 'ack', blocks: [[0, 0, 20]] });
    request([[0, 0, 16]]);
    expect(takeAll(sender)).toHaveLength(16);
  });

  it('frees what it sent after an acknowledgement by the next: it had been asked for twice', () => {
    const { sender, chooseAll, request } = offer(2 * BLOCK_BYTES);
    chooseAll();
    sender.hear({ type: 'credit', bytes: BLOCK_BYTES });
    request([[0, 0, 1]]);
    takeAll(sender);
    sender.pause(true);
    request([
      [0, 0, 1],
      [0, 1, 1],
    ]);
    sender.hear({ type: 'ack', blocks: [[0, 0, 1]] });
    sender.pause(false);
    expect(takeAll(sender).map(name)).toEqual(['send 0:0']);
    sender.hear({ type: 'ack', blocks: [[0, 0, 1]] });
    expect(takeAll(sender).map(name)).toEqual(['send 0:1']);
  });

  it('reads and hashes for the root what nobody asked for, and not what is being read for sending', () => {
    const { sender, said, chooseAll, request } = offer(4 * BLOCK_BYTES);
    chooseAll();
    request([[0, 1, 1]], [0]);
    expect(takeAll(sender).map(name)).toEqual(['send 0:1', 'hash 0:0', 'hash 0:2', 'hash 0:3']);
    hash(sender, { entry: 0, index: 3 }, { entry: 0, index: 1 }, { entry: 0, index: 0 });
    expect(takeAll(sender)).toEqual([]);
    hash(sender, { entry: 0, index: 2 });
    expect(takeAll(sender).map(name)).toEqual(['confirm 0']);
    sender.flush();
    expect(said.map(({ type }) => type)).toEqual(['manifest']);
    sender.confirmed(0);
    sender.flush();
    expect(said[1]).toMatchObject({ type: 'roots', roots: [[0, expect.any(Uint8Array)]] });
    sender.confirmed(0);
    sender.flush();
    expect(said).toHaveLength(2);
  });

  it('confirms an empty file before it tells its root', () => {
    const { sender, said, chooseAll, request } = offer(0);
    chooseAll();
    request([], [0]);
    expect(takeAll(sender).map(name)).toEqual(['confirm 0']);
    sender.confirmed(0);
    sender.flush();
    expect(said).toHaveLength(2);
  });

  it('tells a root at once where what waits stands for a block of bytes: the file has its name then', () => {
    const { sender, said, chooseAll, request } = offer(...Array(5).fill(BLOCK_BYTES / 4), 2 * BLOCK_BYTES);
    chooseAll();
    request([], [0, 1, 2, 3, 4, 5]);
    for (const task of takeAll(sender)) if (task.type === 'hash') hash(sender, task.block);
    const told: number[][] = [];
    for (const task of takeAll(sender)) {
      said.length = 0;
      if (task.type === 'confirm') sender.confirmed(task.entry);
      told.push(said.flatMap((message) => (message.type === 'roots' ? message.roots.map(([id]) => id) : [])));
    }
    expect(told).toEqual([[], [], [], [0, 1, 2, 3], [], [4, 5]]);
  });

  it('lets small files share messages, and fills none beyond its bound', () => {
    const files = MAX_LIST_ITEMS + 100;
    const { sender, said, chooseAll, request } = offer(...Array(files).fill(0));
    chooseAll();
    request([], [...Array(MAX_LIST_ITEMS).keys()]);
    request(
      [],
      Array.from({ length: 100 }, (_, i) => MAX_LIST_ITEMS + i),
    );
    for (const task of takeAll(sender)) if (task.type === 'confirm') sender.confirmed(task.entry);
    sender.flush();
    expect(said.slice(1).map((message) => message.type === 'roots' && message.roots.length)).toEqual([
      MAX_LIST_ITEMS,
      100,
    ]);
  });

  it('gives a file up where a block read again differs, tells it once, and hears no more of it', () => {
    const { sender, said, chooseAll, request } = offer(2 * BLOCK_BYTES, 1);
    chooseAll();
    request([[0, 0, 2]], [0]);
    takeAll(sender);
    hash(sender, { entry: 0, index: 0 });
    sender.hashed({ entry: 0, index: 0 }, leafOf({ entry: 0, index: 0 }, 1));
    sender.fail(0, 'source-unreadable');
    sender.hashed({ entry: 0, index: 1 }, leafOf({ entry: 0, index: 1 }, 0));
    sender.confirmed(0);
    sender.flush();
    expect(said.slice(1)).toEqual([{ type: 'failed', entry: 0, code: 'source-changed' }]);
    expect([...sender.failed]).toEqual([[0, 'source-changed']]);
    request([[0, 0, 2]], [0]);
    expect(takeAll(sender)).toEqual([]);
  });

  it('tells leaves behind a root that was told, of files of more than one block', () => {
    const { sender, said, chooseAll, request } = offer(3 * BLOCK_BYTES, 1, 2 * BLOCK_BYTES);
    const compare = (entry: number, first: number, count: number) =>
      sender.hear({ type: 'compare', entry, first, count });
    chooseAll();
    request([[0, 1, 1]], [0, 1, 2]);
    for (let task = sender.take(); task; task = sender.take()) {
      expect(() => compare(0, 0, 1)).toThrow(/before their root/);
      if (task.type === 'confirm') break;
      hash(sender, task.block);
    }
    sender.confirmed(0);
    said.length = 0;
    compare(0, 1, 2);
    const leaves = [1, 2].map((index) => leafOf({ entry: 0, index }, 0));
    expect(said).toEqual([{ type: 'leaves', entry: 0, first: 1, leaves }]);
    expect(() => compare(0, 1, 3)).toThrow(/past the file/);
    expect(() => compare(2, 0, 1)).toThrow(ProtocolViolation);
    for (const task of takeAll(sender)) if (task.type !== 'confirm') hash(sender, task.block);
    for (const task of takeAll(sender)) if (task.type === 'confirm') sender.confirmed(task.entry);
    expect(() => compare(1, 0, 1)).toThrow(ProtocolViolation);
    sender.cancel(2);
    said.length = 0;
    compare(2, 0, 1);
    expect(said).toEqual([]);
  });

  it('hashes what was brought before in turn with what it sends, and alone where the credit is used up', () => {
    const { sender, request } = offer(4 * BLOCK_BYTES, 6 * BLOCK_BYTES);
    sender.hear({ type: 'choice', files: 2, totalBytes: 10 * BLOCK_BYTES, heldBytes: 3 * BLOCK_BYTES });
    sender.hear({ type: 'credit', bytes: 4 * BLOCK_BYTES });
    request(
      [
        [0, 2, 1],
        [1, 0, 6],
      ],
      [],
    );
    request([], [0, 1]);
    expect(takeAll(sender).map(name)).toEqual(['send 0:2', 'send 1:0', 'send 1:1', 'send 1:2']);
    const other = offer(4 * BLOCK_BYTES, 6 * BLOCK_BYTES);
    other.chooseAll();
    other.sender.hear({ type: 'credit', bytes: 2 * BLOCK_BYTES });
    other.request([[0, 2, 1]], [0]);
    other.request([[1, 0, 6]], [1]);
    expect(takeAll(other.sender).map(name)).toEqual([
      'send 0:2',
      'hash 0:0',
      'send 1:0',
      'hash 0:1',
      'hash 0:3',
    ]);
    other.sender.hear({ type: 'ack', blocks: [[1, 0, 1]] });
    expect(takeAll(other.sender).map(name)).toEqual(['send 1:1']);
  });

  it('finds a block changed that is read again after its root was told, and tells no root twice', () => {
    const { sender, said, chooseAll, request } = offer(2 * BLOCK_BYTES);
    chooseAll();
    request([], [0]);
    for (const task of takeAll(sender)) if (task.type === 'hash') hash(sender, task.block);
    takeAll(sender);
    sender.confirmed(0);
    request([[0, 0, 1]], [0]);
    expect(takeAll(sender).map(name)).toEqual(['send 0:0']);
    sender.confirmed(0);
    sender.flush();
    expect(said.map(({ type }) => type)).toEqual(['manifest', 'roots']);
    sender.hashed({ entry: 0, index: 0 }, leafOf({ entry: 0, index: 0 }, 1));
    expect(said.at(-1)).toEqual({ type: 'failed', entry: 0, code: 'source-changed' });
  });

  it('takes nothing up while either side holds all up, and passes by what is held up alone', () => {
    const { sender, chooseAll, request } = offer(2 * BLOCK_BYTES, BLOCK_BYTES, 0);
    const pause = (paused: boolean, entry?: number) =>
      sender.hear(entry === undefined ? { type: 'pause', paused } : { type: 'pause', paused, entry });
    chooseAll();
    request(
      [
        [0, 0, 1],
        [1, 0, 1],
      ],
      [0, 1, 2],
    );
    sender.pause(true);
    pause(true);
    expect(takeAll(sender)).toEqual([]);
    sender.pause(false);
    expect(takeAll(sender)).toEqual([]);
    pause(true, 0);
    pause(false);
    expect(takeAll(sender).map(name)).toEqual(['send 1:0', 'confirm 2']);
    sender.pause(true, 1);
    request([[1, 0, 1]]);
    expect(takeAll(sender)).toEqual([]);
    expect(sender.paused).toMatchObject({ here: false, there: false });
    expect([[...sender.paused.entriesHere], [...sender.paused.entriesThere]]).toEqual([[1], [0]]);
    sender.pause(false, 1);
    expect(takeAll(sender).map(name)).toEqual(['send 1:0']);
    hash(sender, { entry: 1, index: 0 });
    sender.pause(true, 1);
    pause(false, 0);
    expect(takeAll(sender).map(name)).toEqual(['send 0:0', 'hash 0:1']);
    sender.pause(false, 1);
    expect(takeAll(sender).map(name)).toEqual(['confirm 1']);
  });

  it('says what a person holds up, lets go on and cancels, once, and of single files only after the choice', () => {
    const { sender, said, chooseAll } = offer(1, 1, 1, 1);
    said.length = 0;
    sender.pause(true);
    sender.pause(true);
    sender.pause(true, 0);
    sender.pause(true, 1);
    sender.pause(false, 1);
    sender.cancel(2);
    expect(said.splice(0)).toEqual([{ type: 'pause', paused: true }]);
    chooseAll();
    expect(said.splice(0)).toEqual([
      { type: 'failed', entry: 2, code: 'cancelled' },
      { type: 'pause', paused: true, entry: 0 },
    ]);
    sender.pause(false, 0);
    sender.pause(false, 0);
    sender.pause(false);
    sender.cancel(3);
    sender.cancel(3);
    expect(said).toEqual([
      { type: 'pause', paused: false, entry: 0 },
      { type: 'pause', paused: false },
      { type: 'failed', entry: 3, code: 'cancelled' },
    ]);
  });

  it('counts no more than was chosen where less was held than the receiver believed', () => {
    const { sender, request } = offer(2 * BLOCK_BYTES);
    sender.hear({ type: 'choice', files: 1, totalBytes: 2 * BLOCK_BYTES, heldBytes: BLOCK_BYTES });
    expect(sender.acknowledgedBytes).toBe(BLOCK_BYTES);
    request([[0, 0, 2]]);
    takeAll(sender);
    sender.hear({ type: 'ack', blocks: [[0, 0, 2]] });
    expect(sender.acknowledgedBytes).toBe(2 * BLOCK_BYTES);
  });

  it('stops serving a file that the receiver gave up', () => {
    const { sender, said, chooseAll, request } = offer(20 * BLOCK_BYTES, 16 * BLOCK_BYTES);
    chooseAll();
    request([
      [0, 0, 20],
      [1, 0, 16],
    ]);
    takeAll(sender);
    sender.hear({ type: 'failed', entry: 0, code: 'disk-full' });
    expect(takeAll(sender).map(name)).toHaveLength(16);
    expect(said).toHaveLength(1);
    expect(sender.failed.get(0)).toBe('disk-full');
  });

  it.each<[string, (sender: ReturnType<typeof offer>) => void]>([
    ['a request before a choice', ({ request }) => request([[0, 0, 1]])],
    [
      'a choice of more files',
      ({ sender }) => sender.hear({ type: 'choice', files: 4, totalBytes: 0, heldBytes: 0 }),
    ],
    [
      'a choice of more bytes',
      ({ sender }) => sender.hear({ type: 'choice', files: 1, totalBytes: 9 * BLOCK_BYTES, heldBytes: 0 }),
    ],
    [
      'more held than chosen',
      ({ sender }) => sender.hear({ type: 'choice', files: 1, totalBytes: 5, heldBytes: 6 }),
    ],
    ['completion before a choice', ({ sender }) => sender.hear({ type: 'complete' })],
    ['a second choice', ({ chooseAll }) => [chooseAll(), chooseAll()]],
    ['a range past a file’s end', ({ chooseAll, request }) => [chooseAll(), request([[0, 2, 2]])]],
    ['a range far past a file’s end', ({ chooseAll, request }) => [chooseAll(), request([[0, 2 ** 33, 1]])]],
    ['a range of an empty file', ({ chooseAll, request }) => [chooseAll(), request([[2, 0, 1]])]],
    ['a range of a folder', ({ chooseAll, request }) => [chooseAll(), request([[1, 0, 1]])]],
    [
      'a range of an entry that is not there',
      ({ chooseAll, request }) => [chooseAll(), request([[3, 0, 1]])],
    ],
    ['a root of a folder', ({ chooseAll, request }) => [chooseAll(), request([], [1])]],
    [
      'an acknowledgement past a file’s end',
      ({ sender }) => sender.hear({ type: 'ack', blocks: [[0, 1, 3]] }),
    ],
    ['an acknowledgement for a folder', ({ sender }) => sender.hear({ type: 'ack', blocks: [[1, 0, 1]] })],
    ['a failure of a folder', ({ sender }) => sender.hear({ type: 'failed', entry: 1, code: 'damaged' })],
    ['a pause of a folder', ({ sender }) => sender.hear({ type: 'pause', paused: true, entry: 1 })],
    ['a pause of nothing there', ({ sender }) => sender.hear({ type: 'pause', paused: false, entry: 3 })],
    ['leaves of a folder', ({ sender }) => sender.hear({ type: 'compare', entry: 1, first: 0, count: 1 })],
    [
      'leaves before anything was asked for',
      ({ sender }) => sender.hear({ type: 'compare', entry: 0, first: 0, count: 1 }),
    ],
  ])('refuses %s', (_what, act) => {
    const made = offer(2 * BLOCK_BYTES + 1, null, 0);
    expect(() => act(made)).toThrow(ProtocolViolation);
  });

  it.each([16, MAX_RANGE_BLOCKS])('frees what is asked for again in a range of %i blocks', (count) => {
    const { sender, chooseAll, request } = offer(MAX_RANGE_BLOCKS * BLOCK_BYTES);
    chooseAll();
    request([[0, 0, 16]]);
    expect(takeAll(sender)).toHaveLength(16);
    request([[0, 0, count]]);
    expect(takeAll(sender).map(name)).toEqual(Array.from({ length: 16 }, (_, i) => `send 0:${i}`));
  });

  it('does little for an acknowledgement or a request that names millions of blocks', () => {
    const { sender, chooseAll, request } = offer(2 ** 50, BLOCK_BYTES);
    chooseAll();
    request([[1, 0, 1]]);
    takeAll(sender);
    const ranges = Array.from({ length: MAX_LIST_ITEMS }, (): [number, number, number] => [
      0,
      2 ** 20,
      MAX_RANGE_BLOCKS,
    ]);
    const spy = vi.spyOn(Map.prototype, 'get');
    onTestFinished(() => spy.mockRestore());
    sender.hear({ type: 'ack', blocks: ranges });
    request(ranges);
    expect(spy.mock.calls.length).toBeLessThan(10 * MAX_LIST_ITEMS);
  });

  it('cuts off a receiver that asks for ever more and takes nothing', () => {
    const { chooseAll, request } = offer(MAX_RANGE_BLOCKS * BLOCK_BYTES);
    chooseAll();
    const ranges = Array.from({ length: MAX_LIST_ITEMS }, (_, i): [number, number, number] => [0, i, 1]);
    let taken = 0;
    const flood = () => {
      for (; taken < 1000; taken += 1) request(ranges, Array(MAX_LIST_ITEMS).fill(0));
    };
    expect(flood).toThrow(ProtocolViolation);
    expect(taken).toBeLessThan(20);
  });
});

describe('a hostile receiver', () => {
  /** Small files and one of many ranges, so that any message within reach may be valid. */
  const SIZES = [0, 1, 3 * BLOCK_BYTES, null, 2 ** 40, BLOCK_BYTES];
  const reach = { entries: SIZES.length, blocks: 4, bytes: 2 ** 40 };
  const step = fc.oneof(
    { weight: 4, arbitrary: anyReceiverMessage(reach) },
    { weight: 3, arbitrary: fc.constantFrom<'take' | 'answer' | 'flush'>('take', 'answer', 'flush') },
    { weight: 1, arbitrary: fc.constantFrom<'fail' | 'pause' | 'cancel'>('fail', 'pause', 'cancel') },
  );

  it(
    'brings a sender to nothing but ProtocolViolation, and to no message that was not caused',
    () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 80, size: 'max' }), fc.nat(), (steps, salt) => {
          const { sender, said, chooseAll } = offer(...SIZES);
          chooseAll();
          const tasks: SenderTask[] = [];
          let allowedMessages = 1;
          for (const [i, each] of steps.entries()) {
            if (each === 'take') {
              const task = sender.take();
              if (task) tasks.push(task);
            } else if (each === 'answer') {
              const task = tasks.splice((salt + i) % Math.max(1, tasks.length), 1)[0];
              if (task?.type === 'confirm') sender.confirmed(task.entry);
              else if (task) hash(sender, task.block);
            } else if (each === 'fail') {
              const task = tasks.pop();
              if (task)
                sender.fail(task.type === 'confirm' ? task.entry : task.block.entry, 'source-unreadable');
              allowedMessages += 1;
            } else if (each === 'pause') {
              sender.pause(i % 2 === 0, i % 3 === 0 ? undefined : 2);
              allowedMessages += 1;
            } else if (each === 'cancel') {
              sender.cancel(2);
              allowedMessages += 1;
            } else if (each === 'flush') {
              sender.flush();
              allowedMessages += 1;
            } else {
              if (each.type === 'pages') allowedMessages += each.count;
              if (each.type === 'compare') allowedMessages += 1;
              try {
                sender.hear(each);
              } catch (error) {
                expect(error).toBeInstanceOf(ProtocolViolation);
                return;
              }
            }
            expect(said.length).toBeLessThanOrEqual(allowedMessages);
          }
          for (const message of said) {
            expect(encodeControlMessage(message).length).toBeLessThanOrEqual(MAX_CONTROL_BYTES);
          }
        }),
        { numRuns: 2000 * FUZZ },
      );
    },
    20_000 * FUZZ,
  );
});
