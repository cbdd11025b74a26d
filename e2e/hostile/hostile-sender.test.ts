import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import type { TransferError, TransferErrorCode } from '#protocol/errors.ts';
import { pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import { encodeFrame, encodePing } from '#protocol/lane-message.ts';
import { BLOCK_BYTES, DEFAULT_CREDIT_BYTES, FRAME_UNIT_BYTES, MAX_PATH_BYTES } from '#protocol/limits.ts';
import { DEAD_PINGS, PING_INTERVAL_MS } from '#transport/limits.ts';
import { ReceiveDriver } from '#transport/receive-driver.ts';
import { fetchOnce } from '#transport/testing/fetch-once.ts';
import { pairedLanes } from '#transport/testing/memory-lane.ts';
import { connected, RawPeer } from '#transport/testing/raw-peer.ts';
import { WatchedSink } from '#transport/testing/watched-sink.ts';
import { TransferProgress } from '#transport/transfer-progress.ts';
import type { TransferStatus } from '#transport/transfer-status.ts';
import { type RawFile, RawSender } from './raw-sender.ts';

/** Authenticated, and hostile: the sender holds the session's keys and does what it likes with them. */

const FILES: RawFile[] = [
  { path: 'good', content: randomBytes(5000) },
  { path: 'target', content: randomBytes(2 * BLOCK_BYTES + 100) },
  { path: 'other', content: randomBytes(BLOCK_BYTES) },
];

afterEach(() => void vi.useRealTimers());

function meet(files = FILES) {
  const keys = pairedRun();
  const [near, far] = pairedLanes();
  const statuses: TransferStatus[] = [];
  const platform = nodePlatform();
  const progress = new TransferProgress(
    () => platform.nowMs(),
    (status) => statuses.push(status),
  );
  const receiver = new ReceiveDriver(keys.receiver, { platform, iceServers: [] }, progress);
  const sender = new RawSender(new RawPeer(connected(far), keys.sender), files);
  receiver.session.add(connected(near));
  sender.peer.prove();
  const sink = new WatchedSink();
  /** What fetching these ends with. */
  const fetch = (...ids: number[]): Promise<TransferErrorCode | 'resolved'> =>
    fetchOnce(receiver, progress, ids, sink).then(
      () => 'resolved' as const,
      ({ code }: TransferError) => code,
    );
  return { receiver, sender, sink, statuses, fetch, near };
}

/** A fetch of the first two files under way; the sender has been asked for them. */
async function fetching(files = FILES, ids = [0, 1]) {
  const met = meet(files);
  met.sender.offer();
  await met.receiver.offer;
  const outcome = met.fetch(...ids);
  await met.sender.peer.hear('request');
  return { ...met, outcome };
}

/** Nothing stands under a final name but these. */
function expectSaved(sink: WatchedSink, ...files: readonly (typeof FILES)[number][]): void {
  expect([...sink.files.keys()]).toEqual(files.map(({ path }) => path));
  for (const { path, content } of files)
    expect(Buffer.compare(Buffer.from(sink.files.get(path) ?? []), content)).toBe(0);
  expect(sink.offences).toEqual([]);
}

describe('an offer is refused, and nothing of it shown, that', () => {
  const file = (path: string, sizeBytes: unknown = 1) => ({ kind: 'file', path, sizeBytes });
  const folder = (path: string) => ({ kind: 'folder', path });
  test.each<[string, readonly unknown[], object?]>([
    ['climbs out of its folder', [file('../up')]],
    ['climbs out in the middle', [file('a/../../up')]],
    ['is absolute', [file('/etc/passwd')]],
    ['names a drive', [file('C:\\Windows\\x')]],
    ['names a drive with a slash', [file('c:/x')]],
    ['names a server', [file('\\\\server\\share')]],
    ['holds a NUL', [file('a\0b')]],
    ['holds a line break', [file('a\nb')]],
    ['holds an escape sequence for terminals', [file('a\u001b[2J')]],
    ['holds half a character', [file('a\ud800')]],
    ['is empty', [file('')]],
    ['is the folder itself', [file('.')]],
    ['has an empty part', [file('a//b')]],
    ['ends with a slash', [folder('a/')]],
    ['is too long', [file('a'.repeat(MAX_PATH_BYTES + 1))]],
    ['is too long in UTF-8', [file('ü'.repeat(MAX_PATH_BYTES / 2 + 1))]],
    ['names a file twice', [file('a'), file('a')]],
    ['names a folder twice', [folder('a'), folder('a')]],
    ['names file and folder alike', [file('a'), folder('a')]],
    ['puts a file into a file', [file('a'), file('a/b')]],
    ['makes a folder a file later', [file('a/b/c'), file('a/b')]],
    ['has a negative size', [file('a', -1)], { totalBytes: 0 }],
    ['has half a byte', [file('a', 0.5)], { totalBytes: 0 }],
    ['has a size beyond all numbers', [file('a', 2 ** 53)], { totalBytes: 0 }],
    ['has a size that is text', [file('a', '1')]],
    ['has no size', [{ kind: 'file', path: 'a' }]],
    ['is of another kind', [{ kind: 'link', path: 'a', target: '/etc' }]],
    ['says more than it should', [{ ...file('a'), mode: 0o4755 }]],
    ['is from before all time', [{ ...file('a'), modifiedMs: -1e17 }]],
    ['does not add up', [file('a')], { totalBytes: 2 }],
    ['announces more entries than come', [file('a')], { entries: 2 }],
    ['announces fewer entries than come', [file('a'), file('b')], { entries: 1 }],
    ['announces none', [], { entries: 0 }],
    ['announces a million and one', [file('a')], { entries: 1_000_001 }],
  ])('%s', async (_, entries, header) => {
    const { sender, receiver, sink } = meet();
    sender.offerEntries(entries, header);
    await expect(receiver.offer).rejects.toMatchObject({ code: 'protocol-violation' });
    expect(await sender.peer.hear('bye')).toEqual({ type: 'bye', code: 'protocol-violation' });
    expect(sink.calls).toEqual([]);
  });

  test.each<[string, (sender: RawSender) => void]>([
    ['comes twice', (sender) => [sender.offer(), sender.offer()]],
    [
      'begins with its second page',
      (sender) => {
        sender.peer.say({ type: 'manifest', entries: 2, pages: 2, totalBytes: 0 });
        sender.peer.say({ type: 'page', page: 1, entries: [file('b', 0)] });
      },
    ],
    ['begins with a page', (sender) => sender.peer.say({ type: 'page', page: 0, entries: [file('a')] })],
  ])('%s', async (_, offer) => {
    const { sender, receiver, sink } = meet();
    offer(sender);
    await receiver.session.closed;
    expect(await sender.peer.hear('bye')).toEqual({ type: 'bye', code: 'protocol-violation' });
    expect(sink.calls).toEqual([]);
  });
});

describe('a sender is cut off, and nothing unverified saved, that sends', () => {
  const frame = (entry: number, offset: number, lengthBytes: number, last = false) =>
    encodeFrame(entry, offset, new Uint8Array(lengthBytes), last ? new Uint8Array(32) : null);
  test.each<[string, (sender: RawSender) => void]>([
    ['a file that was never asked for', (sender) => sender.sendBlock(2, 0)],
    ['a file that does not exist', ({ peer }) => peer.send(frame(3, 0, 10))],
    ['what lies past the end of a file', ({ peer }) => peer.send(frame(1, 3 * BLOCK_BYTES, 10))],
    ['more than the rest of a file', ({ peer }) => peer.send(frame(1, 2 * BLOCK_BYTES, 101, true))],
    ['what begins within a unit', ({ peer }) => peer.send(frame(1, BLOCK_BYTES + 1000, FRAME_UNIT_BYTES))],
    ['what ends within a unit', ({ peer }) => peer.send(frame(1, BLOCK_BYTES, FRAME_UNIT_BYTES + 1))],
    [
      'what ends in the next block',
      ({ peer }) => peer.send(frame(1, 2 * BLOCK_BYTES - FRAME_UNIT_BYTES, 2 * FRAME_UNIT_BYTES, true)),
    ],
    ['a leaf too early', ({ peer }) => peer.send(frame(1, BLOCK_BYTES, FRAME_UNIT_BYTES, true))],
    ['a block without its leaf', ({ peer }) => peer.send(frame(1, 2 * BLOCK_BYTES, 100))],
    ['a frame of nothing', ({ peer }) => peer.send(frame(1, 0, 0))],
    ['a frame that is too large', ({ peer }) => peer.send(frame(1, 0, 65 * 1024))],
    ['an offset beyond all numbers', ({ peer }) => peer.send(frame(1, 2 ** 60, 10))],
    ['the root of a file that was never asked for', (sender) => sender.sendRoot(2)],
    ['a root twice', (sender) => [sender.sendRoot(1), sender.sendRoot(1)]],
    ['a root that is none', ({ peer }) => peer.say({ type: 'roots', roots: [[0, 'abc']] })],
    [
      'the failure of a file that does not exist',
      ({ peer }) => peer.say({ type: 'failed', entry: 9, code: 'damaged' }),
    ],
    ['a failure for no reason', ({ peer }) => peer.say({ type: 'failed', entry: 0, code: 'because' })],
    ['what only a receiver says', ({ peer }) => peer.say({ type: 'complete' })],
    ['a farewell that nobody knows', ({ peer }) => peer.say({ type: 'bye', code: 'tampered' })],
    ['a good end before it is one', ({ peer }) => peer.say({ type: 'bye', code: 'complete' })],
    ['text', ({ peer }) => peer.send(new Uint8Array(0))],
    ['a control message that is too large', ({ peer }) => peer.sayBytes(new Uint8Array(64 * 1024 + 1))],
    ['a control message out of nowhere', ({ peer }) => peer.sayBytes(randomBytes(100))],
    ['a document too deep to be one of ours', ({ peer }) => peer.sayBytes(Buffer.from('['.repeat(60_000)))],
  ])('%s', async (_, misbehave) => {
    const { sender, sink, outcome, statuses } = await fetching();
    sender.sendFile(0);
    await vi.waitFor(() => expect(sink.files.size).toBe(1));
    // Half of the file is there, and is not seen.
    sender.sendBlock(1, 0);
    misbehave(sender);
    expect(await outcome).toBe('protocol-violation');
    expect(statuses.at(-1)).toMatchObject({ state: 'failed', error: { code: 'protocol-violation' } });
    expectSaved(sink, FILES[0] as (typeof FILES)[number]);
    // Only verified blocks are there for another run to go on with.
    expect(sink.calls.at(-1)).toBe('suspend');
  });
});

describe('one file is given up, and the others arrive, where', () => {
  /** The second file ends so; the first and the third arrive. */
  async function expectGivenUp(code: TransferErrorCode, act: (sender: RawSender) => void | Promise<void>) {
    const { sender, sink, outcome, statuses } = await fetching(FILES, [0, 1, 2]);
    sender.sendFile(0);
    await act(sender);
    sender.sendFile(2);
    await sender.peer.hear('complete');
    sender.peer.say({ type: 'bye', code: 'complete' });
    expect(await outcome).toBe('resolved');
    expect(statuses.at(-1)?.failedFiles).toEqual([{ path: 'target', code }]);
    expectSaved(sink, ...FILES.filter(({ path }) => path !== 'target'));
    expect(sink.calls.at(-1)).toBe('finish');
    return sender;
  }

  test('a block does not match its leaf three times', async () => {
    const wrong = { bytes: new Uint8Array(BLOCK_BYTES).fill(9), leaf: new Uint8Array(32) };
    const sender = await expectGivenUp('damaged', async (sender) => {
      for (let time = 0; time < 3; time += 1) {
        sender.sendBlock(1, 0, wrong);
        if (time < 2) expect(await sender.peer.hear('request')).toMatchObject({ ranges: [[1, 0, 1]] });
      }
      expect(await sender.peer.hear('failed')).toEqual({ type: 'failed', entry: 1, code: 'damaged' });
    });
    expect(sender.peer.controls.filter(({ type }) => type === 'request')).toEqual([]);
  });

  test('its root is another', () =>
    expectGivenUp('source-changed', (sender) => {
      for (let index = 0; index < 3; index += 1) sender.sendBlock(1, index);
      sender.sendRoot(1, randomBytes(32));
    }));

  test('its bytes are others, with leaves to match, than its root stands for', () =>
    expectGivenUp('source-changed', (sender) => {
      sender.sendBlock(1, 0, { bytes: new Uint8Array(BLOCK_BYTES).fill(9) });
      for (let index = 1; index < 3; index += 1) sender.sendBlock(1, index);
      sender.sendRoot(1);
    }));

  test('the sender says that it failed, however often', () =>
    expectGivenUp('source-unreadable', (sender) => {
      sender.sendBlock(1, 0);
      for (let i = 0; i < 100; i += 1)
        sender.peer.say({ type: 'failed', entry: 1, code: 'source-unreadable' });
    }));
});

test('a block that comes again with other bytes, once it is here, changes nothing', async () => {
  const { sender, sink, outcome } = await fetching();
  sender.sendFile(0);
  sender.sendBlock(1, 0);
  await vi.waitFor(() => expect(sink.calls.filter((call) => call === 'write').length).toBe(2));
  for (let i = 0; i < 10; i += 1) sender.sendBlock(1, 0, { bytes: new Uint8Array(BLOCK_BYTES).fill(9) });
  sender.sendFile(1);
  await sender.peer.hear('complete');
  sender.peer.say({ type: 'bye', code: 'complete' });
  expect(await outcome).toBe('resolved');
  expectSaved(sink, ...FILES.slice(0, 2));
});

test('what is saved stays saved, whatever the sender says of it then', async () => {
  const { sender, sink, outcome } = await fetching();
  sender.sendFile(0);
  await vi.waitFor(() => expect(sink.files.size).toBe(1));
  for (let i = 0; i < 10; i += 1) sender.peer.say({ type: 'failed', entry: 0, code: 'source-changed' });
  sender.sendBlock(0, 0, { bytes: new Uint8Array(5000) });
  sender.sendRoot(0, randomBytes(32));
  sender.sendFile(1);
  await sender.peer.hear('complete');
  sender.peer.say({ type: 'bye', code: 'complete' });
  expect(await outcome).toBe('resolved');
  expectSaved(sink, ...FILES.slice(0, 2));
  expect(sink.calls).not.toContain('discard');
});

describe('a sender that', () => {
  test('takes no heed of the credit while the disk is slow is cut off before it fills memory', async () => {
    const big = [{ path: 'big', content: new Uint8Array(200 * BLOCK_BYTES) }];
    const { sender, sink, outcome } = await fetching(big, [0]);
    const release: (() => void)[] = [];
    sink.before = (call) => (call === 'write' ? new Promise<void>((done) => release.push(done)) : undefined);
    for (let index = 0; index < 200 && sender.peer.closedBecause === null; index += 1) {
      sender.sendBlock(0, index);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await sender.peer.hear('bye');
    expect(sink.mostPendingBytes).toBeLessThanOrEqual(5 * DEFAULT_CREDIT_BYTES);
    for (const done of release) done();
    expect(await outcome).toBe('protocol-violation');
    expectSaved(sink);
    expect(sink.calls.at(-1)).toBe('suspend');
  });

  test('sends a block over and over makes the receiver write it once', async () => {
    const { sender, sink, outcome, statuses } = await fetching();
    for (let i = 0; i < 50; i += 1) sender.sendBlock(1, 0);
    sender.sendFile(0);
    for (let index = 1; index < 3; index += 1) sender.sendBlock(1, index);
    sender.sendRoot(1);
    await sender.peer.hear('complete');
    sender.peer.say({ type: 'bye', code: 'complete' });
    expect(await outcome).toBe('resolved');
    expectSaved(sink, ...FILES.slice(0, 2));
    expect(sink.calls.filter((call) => call === 'write')).toHaveLength(4);
    expect(statuses.at(-1)?.bytes).toBe(5000 + 2 * BLOCK_BYTES + 100);
    expect(statuses.at(-1)?.wireBytes).toBeGreaterThan(49 * BLOCK_BYTES);
  });

  test('goes silent in the middle is lost', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    const met = meet();
    met.sender.offer();
    await vi.advanceTimersByTimeAsync(10);
    const outcome = met.fetch(0, 1);
    await vi.advanceTimersByTimeAsync(10);
    met.sender.sendBlock(1, 0);
    met.sender.peer.answersPings = false;
    await vi.advanceTimersByTimeAsync((DEAD_PINGS + 2) * PING_INTERVAL_MS);
    expect(await outcome).toBe('connection-lost');
    expectSaved(met.sink);
    expect(met.sink.calls.at(-1)).toBe('suspend');
  });

  test('offers nothing and only pings keeps a person waiting, who may leave', async () => {
    const { receiver, sender } = meet();
    for (let token = 0; token < 1000; token += 1) sender.peer.send(encodePing('ping', token));
    await sender.peer.until(() => sender.peer.heard.filter(({ kind }) => kind === 'pong').length === 1000);
    const ended = receiver.session.end('declined', null);
    expect(await sender.peer.hear('bye')).toEqual({ type: 'bye', code: 'declined' });
    await ended;
  });
});
