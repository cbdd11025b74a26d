import { randomBytes } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { TransferError, type TransferErrorCode } from '#protocol/errors.ts';
import { pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import { DEFAULT_CREDIT_BYTES } from '#protocol/limits.ts';
import { MemorySource } from './testing/memory-files.ts';
import { MemoryTransfer } from './testing/memory-transfer.ts';
import { WatchedSink } from './testing/watched-sink.ts';

const PATIENT = { timeout: 5_000 };
const MIB = 1024 * 1024;

const FILES = [
  { path: 'empty', content: new Uint8Array(0) },
  { path: 'small', content: randomBytes(17) },
  { path: 'block', content: randomBytes(MIB) },
  { path: 'folder/large', content: randomBytes(3 * MIB + 5) },
];
const ALL = FILES.map((_, id) => id);

function transferOf(files = FILES, lanes = 1) {
  const transfer = new MemoryTransfer(nodePlatform(), pairedRun(), new MemorySource(files));
  const ends = Array.from({ length: lanes }, () => transfer.addLane());
  return { transfer, ends, sink: new WatchedSink() };
}

/** The files that stand under final names are exactly these, byte for byte. */
function expectSaved(sink: WatchedSink, files: readonly { path: string; content: Uint8Array }[]): void {
  expect([...sink.files.keys()].sort()).toEqual(files.map(({ path }) => path).sort());
  for (const { path, content } of files)
    expect(Buffer.compare(Buffer.from(sink.files.get(path) ?? []), content), path).toBe(0);
  expect(sink.offences).toEqual([]);
}

const codeOf = (promise: Promise<unknown>): Promise<TransferErrorCode | 'resolved'> =>
  promise.then(
    () => 'resolved' as const,
    (error: unknown) => (error as TransferError).code,
  );

describe('everything chosen arrives', () => {
  test.each([1, 3])('over %i lanes', async (lanes) => {
    const { transfer, sink } = transferOf(FILES, lanes);
    const saved = await transfer.fetch(ALL, sink);
    expect(saved).toHaveLength(FILES.length);
    expectSaved(sink, FILES);
    await transfer.sender.session.closed;
    const totalBytes = FILES.reduce((sum, { content }) => sum + content.length, 0);
    for (const snapshots of [transfer.sent, transfer.received])
      expect(snapshots.at(-1)).toMatchObject({
        state: 'done',
        bytes: totalBytes,
        totalBytes,
        wireBytes: totalBytes,
        files: 4,
        filesDone: 4,
        failedFiles: [],
        error: null,
      });
    expect(sink.calls.at(-1)).toBe('finish');
  });

  test('and nothing else', async () => {
    const { transfer, sink } = transferOf();
    await transfer.fetch([1, 3], sink);
    expectSaved(
      sink,
      [FILES[1], FILES[3]].filter((file) => file !== undefined),
    );
  });

  test('where that is nothing', async () => {
    const { transfer, sink } = transferOf();
    expect(await transfer.fetch([], sink)).toEqual([]);
    await transfer.sender.session.closed;
    expect(transfer.sent.at(-1)?.state).toBe('done');
  });

  test('though lanes are lost and come', async () => {
    const big = [{ path: 'big', content: randomBytes(24 * MIB) }];
    const { transfer, sink, ends } = transferOf(big, 2);
    let writes = 0;
    sink.before = (call) => {
      if (call !== 'write') return;
      writes += 1;
      // The new one stands before the old one is gone, or the session would end with it.
      if (writes % 5 !== 0) return;
      const lost = ends.shift();
      ends.push(transfer.addLane());
      lost?.sender.drop('lost');
      lost?.receiver.drop('lost');
    };
    await transfer.fetch([0], sink);
    expectSaved(sink, big);
    expect(writes).toBe(24);
  });
});

describe('a slow disk', () => {
  test('slows the sender and does not fill memory', async () => {
    const many = [
      { path: 'big', content: randomBytes(40 * MIB) },
      ...Array.from({ length: 300 }, (_, i) => ({ path: `small ${i}`, content: randomBytes(100) })),
    ];
    const { transfer, sink } = transferOf(many);
    const release: (() => void)[] = [];
    sink.before = (call) =>
      call === 'write' ? new Promise<void>((resolve) => release.push(resolve)) : undefined;
    const fetching = transfer.fetch(
      many.map((_, id) => id),
      sink,
    );
    // As much as there is credit for comes, and waits.
    await vi.waitFor(() => expect(sink.pendingBytes).toBeGreaterThan(DEFAULT_CREDIT_BYTES / 2), PATIENT);
    while (sink.files.size < many.length) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      release.shift()?.();
    }
    await fetching;
    expect(sink.mostPendingBytes).toBeLessThanOrEqual(DEFAULT_CREDIT_BYTES);
    expectSaved(sink, many);
  });
});

describe('a sink that fails', () => {
  test.each(['write', 'commit'] as const)('in one file’s %s gives up that file alone', async (where) => {
    const { transfer, sink } = transferOf();
    sink.before = (call, entry) => {
      if (call === where && entry === 3) throw new TransferError('sink-failed');
    };
    const saved = await transfer.fetch(ALL, sink);
    expect(saved.map(({ id }) => id).sort()).toEqual([0, 1, 2]);
    expectSaved(sink, FILES.slice(0, 3));
    await transfer.sender.session.closed;
    for (const snapshots of [transfer.sent, transfer.received])
      expect(snapshots.at(-1)).toMatchObject({
        state: 'failed',
        error: { code: 'sink-failed' },
        failedFiles: [{ path: 'folder/large', code: 'sink-failed' }],
      });
    expect(sink.calls).toContain('discard');
  });

  test.each(['open', 'write', 'commit', 'finish'] as const)(
    'in its %s because the disk is full ends the transfer, and the sender hears why',
    async (where) => {
      const { transfer, sink } = transferOf();
      sink.before = (call) => {
        if (call === where) throw new TransferError('disk-full');
      };
      expect(await codeOf(transfer.fetch(ALL, sink))).toBe('disk-full');
      await transfer.sender.session.closed;
      expect(transfer.received.at(-1)).toMatchObject({ state: 'failed', error: { code: 'disk-full' } });
      expect(transfer.sent.at(-1)).toMatchObject({
        state: 'failed',
        error: { code: 'disk-full', source: 'remote' },
      });
      // What was written before is kept for another run.
      expect(['suspend', 'abort']).toContain(sink.calls.at(-1));
      expect(sink.offences).toEqual([]);
    },
  );

  test.each(['open', 'finish'] as const)('in its %s ends the transfer', async (where) => {
    const { transfer, sink } = transferOf();
    sink.before = (call) => {
      if (call === where) throw new Error('out of order');
    };
    expect(await codeOf(transfer.fetch(ALL, sink))).toBe('sink-failed');
    await transfer.sender.session.closed;
    expect(transfer.sent.at(-1)).toMatchObject({ state: 'failed', error: { code: 'sink-failed' } });
    expect(sink.calls.at(-1)).toBe(where === 'open' ? 'abort' : 'suspend');
  });
});

describe('an end in mid-transfer', () => {
  const big = [{ path: 'big', content: randomBytes(8 * MIB) }, ...FILES];

  /** Fetches until the sink is at its third write, which takes until the end has come. */
  async function interrupted(end: (made: ReturnType<typeof transferOf>) => void) {
    const made = transferOf(big);
    const { transfer, sink } = made;
    let writes = 0;
    const finishWrites: (() => void)[] = [];
    const isWriting = new Promise<void>((reached) => {
      sink.before = (call) => {
        if (call !== 'write') return undefined;
        writes += 1;
        if (writes < 3) return undefined;
        reached();
        return new Promise((resolve) => finishWrites.push(resolve));
      };
    });
    const fetching = codeOf(
      transfer.fetch(
        big.map((_, id) => id),
        sink,
      ),
    );
    await isWriting;
    end(made);
    await vi.waitFor(() => expect(transfer.received.at(-1)?.state).toBe('failed'));
    expect(sink.calls).not.toContain('suspend');
    sink.before = () => {};
    for (const finish of finishWrites) finish();
    const code = await fetching;
    expect(sink.calls.at(-1)).toBe('suspend');
    expect(sink.offences).toEqual([]);
    expect([...sink.files.keys()]).toEqual([]);
    return { ...made, code };
  }

  test('by a lost connection lets the sink keep what it has once it is still', async () => {
    const { code, transfer } = await interrupted(({ ends: [lane] }) => {
      lane?.sender.drop('gone');
      lane?.receiver.drop('gone');
    });
    expect(code).toBe('connection-lost');
    expect(transfer.sent.at(-1)).toMatchObject({ state: 'reconnecting', error: null });
  });

  test('by this side is told to the sender', async () => {
    const { code, transfer } = await interrupted(
      ({ transfer: { receiver } }) => void receiver.session.end('cancelled', new TransferError('cancelled')),
    );
    expect(code).toBe('cancelled');
    await transfer.sender.session.closed;
    expect(transfer.sent.at(-1)?.error).toMatchObject({ code: 'cancelled', source: 'remote' });
  });

  test('by the sender is told to this side', async () => {
    const { code, transfer } = await interrupted(
      ({ transfer: { sender } }) => void sender.session.end('cancelled', new TransferError('cancelled')),
    );
    expect(code).toBe('cancelled');
    expect(transfer.received.at(-1)?.error).toMatchObject({ source: 'remote' });
  });

  test('that comes before anything was chosen is what choosing meets', async () => {
    const { transfer, sink, ends } = transferOf();
    await transfer.receiver.offer;
    ends[0]?.receiver.drop('gone');
    await transfer.receiver.session.closed;
    expect(await codeOf(transfer.fetch(ALL, sink))).toBe('connection-lost');
    expect(sink.calls).toEqual(['open', 'abort']);
  });

  test('that comes before the offer is told to who waits for it', async () => {
    const transfer = new MemoryTransfer(nodePlatform(), pairedRun(), new MemorySource(FILES));
    transfer.receiver.session.abort(new TransferError('tampered'));
    expect(await codeOf(transfer.receiver.offer)).toBe('tampered');
  });

  test('that comes once everything is being made durable changes nothing', async () => {
    const { transfer, sink, ends } = transferOf();
    sink.before = async (call) => {
      if (call !== 'finish') return;
      ends[0]?.sender.drop('gone');
      ends[0]?.receiver.drop('gone');
      await transfer.receiver.session.closed;
    };
    expect(await transfer.fetch(ALL, sink)).toHaveLength(4);
    expect(transfer.received.at(-1)?.state).toBe('done');
    // The sender cannot know, until it is met again.
    expect(transfer.sent.at(-1)?.state).toBe('reconnecting');
    expectSaved(sink, FILES);
  });
});
