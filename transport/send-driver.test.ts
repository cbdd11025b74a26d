import { randomBytes } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import type { EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import { pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import { MAX_FRAME_PAYLOAD_BYTES } from '#protocol/limits.ts';
import { READ_AHEAD_BLOCKS, READ_AHEAD_BYTES } from './limits.ts';
import { MemorySource } from './testing/memory-files.ts';
import { MemoryTransfer } from './testing/memory-transfer.ts';
import { WatchedSink } from './testing/watched-sink.ts';

const MIB = 1024 * 1024;

/** A source that counts what is read, and fails where a test says so. */
class WatchedSource extends MemorySource {
  readBytes = 0;
  reads = 0;
  readonly #fail: (call: 'read' | 'confirm', entry: EntryId) => void;

  constructor(
    files: readonly { readonly path: string; readonly content: Uint8Array }[],
    fail: (call: 'read' | 'confirm', entry: EntryId) => void = () => {},
  ) {
    super(files);
    this.#fail = fail;
  }

  override async read(entry: EntryId, offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    this.reads += 1;
    this.readBytes += lengthBytes;
    this.#fail('read', entry);
    // As from a disk: what is read stays as it was.
    return Uint8Array.from(await super.read(entry, offset, lengthBytes));
  }

  override async confirmUnchanged(entry?: EntryId): Promise<number | null> {
    this.#fail('confirm', entry ?? 0);
    return null;
  }
}

const FILES = Array.from({ length: 5 }, (_, i) => ({ path: `file ${i}`, content: randomBytes(i * MIB) }));
const ALL = FILES.map((_, id) => id);

describe('a source that fails', () => {
  test.each([
    ['read', 'source-changed'],
    ['read', 'source-unreadable'],
    ['confirm', 'source-changed'],
    ['confirm', 'source-unreadable'],
  ] as const)(
    'in one file’s %s gives up that file as %s, on both sides, and no other',
    async (where, code) => {
      const source = new WatchedSource(FILES, (call, entry) => {
        if (call === where && entry === 3) throw new TransferError(code);
      });
      const transfer = new MemoryTransfer(nodePlatform(), pairedRun(), source);
      transfer.addLane();
      const sink = new WatchedSink();
      const saved = await transfer.fetch(ALL, sink);
      expect(saved.map(({ id }) => id).sort()).toEqual([0, 1, 2, 4]);
      expect([...sink.files.keys()].sort()).toEqual(['file 0', 'file 1', 'file 2', 'file 4']);
      expect(sink.offences).toEqual([]);
      await transfer.sender.session.closed;
      for (const snapshots of [transfer.sent, transfer.received])
        expect(snapshots.at(-1)).toMatchObject({
          state: 'failed',
          error: { code },
          failedFiles: [{ path: 'file 3', code }],
        });
    },
  );

  test('in a way of its own is unreadable', async () => {
    const source = new WatchedSource(FILES, (_, entry) => {
      if (entry === 1) throw new RangeError('disk on fire');
    });
    const transfer = new MemoryTransfer(nodePlatform(), pairedRun(), source);
    transfer.addLane();
    await transfer.fetch(ALL, new WatchedSink());
    expect(transfer.received.at(-1)?.failedFiles).toEqual([{ path: 'file 1', code: 'source-unreadable' }]);
  });

  test('in every file ends well all the same', async () => {
    const many = Array.from({ length: 3000 }, (_, i) => ({ path: `file ${i}`, content: randomBytes(10) }));
    const source = new WatchedSource(many, () => {
      throw new TransferError('source-unreadable');
    });
    const transfer = new MemoryTransfer(nodePlatform(), pairedRun(), source);
    transfer.addLane();
    const sink = new WatchedSink();
    const saved = await transfer.fetch(
      many.map((_, id) => id),
      sink,
    );
    expect(saved).toEqual([]);
    expect(sink.files.size).toBe(0);
    expect(transfer.received.at(-1)?.failedFiles).toHaveLength(3000);
  });
});

describe('a file that may have changed although its time says no', () => {
  /** Doubtful so often; what happens to it meanwhile. */
  async function send(doubts: number, meanwhile: (content: Uint8Array) => void) {
    const content = randomBytes(2 * MIB + 5);
    const before = Uint8Array.from(content);
    const source = new WatchedSource([{ path: 'log', content }]);
    let asked = 0;
    source.confirmUnchanged = async () => {
      asked += 1;
      if (asked === 1) meanwhile(content);
      return asked > doubts ? null : asked;
    };
    const transfer = new MemoryTransfer(nodePlatform(), pairedRun(), source);
    transfer.addLane();
    const sink = new WatchedSink();
    await transfer.fetch([0], sink);
    await transfer.sender.session.closed;
    return { before, source, saved: sink.files.get('log'), failed: transfer.received.at(-1)?.failedFiles };
  }
  const changed = [{ path: 'log', code: 'source-changed' }];

  test('is read again, and sent if it did not', async () => {
    const { before, source, saved, failed } = await send(2, () => {});
    expect(Buffer.compare(saved ?? Buffer.alloc(0), before)).toBe(0);
    expect(failed).toEqual([]);
    expect(source.readBytes).toBe(3 * before.length);
  });

  test('is given up if it did', async () => {
    const { saved, failed } = await send(1, (content) => content.fill(7, 0, 1));
    expect(saved).toBeUndefined();
    expect(failed).toEqual(changed);
  });

  test('is given up if it never comes to rest', async () => {
    const { saved, failed } = await send(Number.POSITIVE_INFINITY, () => {});
    expect(saved).toBeUndefined();
    expect(failed).toEqual(changed);
  });
});

test('what a lane loses is sent again on another, as it was read', async () => {
  const content = randomBytes(2 * MIB);
  const before = Uint8Array.from(content);
  const source = new WatchedSource([{ path: 'log', content }]);
  const transfer = new MemoryTransfer(nodePlatform(), pairedRun(), source);
  const lane = transfer.addLane();
  await transfer.receiver.offer;
  lane.sender.hold();
  const sink = new WatchedSink();
  const fetching = transfer.fetch([0], sink);
  await vi.waitFor(() => expect(source.readBytes).toBe(2 * MIB));
  await vi.waitFor(() => expect(lane.sender.bufferedBytes).toBeGreaterThan(0));
  content.fill(7);
  transfer.addLane();
  lane.sender.drop('lost');
  lane.receiver.drop('lost');
  await fetching;
  expect(Buffer.compare(sink.files.get('log') ?? Buffer.alloc(0), before)).toBe(0);
  expect(source.readBytes).toBe(2 * MIB);
  // What went out twice counts twice.
  expect(transfer.sent.at(-1)?.wireBytes).toBeGreaterThan(2 * MIB);
});

test('a pause holds up what is still to leave of a block that has begun to', async () => {
  const content = new Uint8Array(randomBytes(6 * MIB));
  const source = new MemorySource([{ path: 'film', content }]);
  const transfer = new MemoryTransfer(nodePlatform(), pairedRun(), source);
  const lane = transfer.addLane();
  await transfer.receiver.offer;
  const sink = new WatchedSink();
  // As far as may be in flight, and no receipt comes.
  lane.sender.hold();
  const fetching = transfer.fetch([0], sink);
  await vi.waitFor(() => expect(lane.sender.bufferedBytes).toBeGreaterThan(0));
  transfer.sender.pause(true);
  const heldBytes = lane.sender.bufferedBytes;
  expect(heldBytes).toBeLessThan(MIB);
  lane.sender.release();
  await vi.waitFor(() => expect(transfer.received.at(-1)?.paused.there).toBe(true));
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(transfer.received.at(-1)?.wireBytes).toBeLessThan(heldBytes);
  transfer.sender.pause(false);
  await fetching;
  expect(Buffer.compare(sink.files.get('film') ?? Buffer.alloc(0), content)).toBe(0);
});

describe('a receiver that takes nothing in', () => {
  test.each([
    ['large', [{ path: 'large', content: randomBytes(64 * MIB) }]],
    [
      'small',
      Array.from({ length: 5000 }, (_, i) => ({
        path: `${i}`,
        content: randomBytes(MAX_FRAME_PAYLOAD_BYTES / 4),
      })),
    ],
  ])('makes a sender of %s files read ahead a little and wait', async (_, files) => {
    const source = new WatchedSource(files);
    const transfer = new MemoryTransfer(nodePlatform(), pairedRun(), source);
    const lane = transfer.addLane();
    await transfer.receiver.offer;
    lane.sender.hold();
    const fetching = transfer.fetch(
      files.map((_, id) => id),
      new WatchedSink(),
    );
    await vi.waitFor(() => expect(lane.sender.bufferedBytes).toBeGreaterThan(0));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(lane.sender.bufferedBytes).toBeLessThan(MIB);
    expect(source.readBytes).toBeLessThanOrEqual(READ_AHEAD_BYTES + 3 * MIB);
    const sizeBytes = Math.min(MIB, files[0]?.content.length ?? 0);
    expect(source.reads).toBeLessThanOrEqual(MIB / sizeBytes + READ_AHEAD_BLOCKS + 2);
    lane.sender.release();
    await fetching;
  });
});
