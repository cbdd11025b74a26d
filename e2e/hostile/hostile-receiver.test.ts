import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import type { EntryId } from '#protocol/entry.ts';
import { pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import { encodeFrame, encodePing, encodeProof, type Frame } from '#protocol/lane-message.ts';
import { BLOCK_BYTES, DEFAULT_CREDIT_BYTES, MAX_CREDIT_BYTES } from '#protocol/limits.ts';
import { Manifest } from '#protocol/manifest.ts';
import { DEAD_PINGS, MAX_BACKLOG_BYTES, PING_INTERVAL_MS } from '#transport/limits.ts';
import { SendDriver } from '#transport/send-driver.ts';
import { MemorySource } from '#transport/testing/memory-files.ts';
import { pairedLanes } from '#transport/testing/memory-lane.ts';
import { connected, RawPeer } from '#transport/testing/raw-peer.ts';
import { TransferProgress } from '#transport/transfer-progress.ts';
import type { TransferStatus } from '#transport/transfer-status.ts';

/** Authenticated, and hostile: the receiver holds the session's keys and does what it likes with them. */

/** Counts what the honest sender is made to read. */
class CountingSource extends MemorySource {
  readBytes = 0;

  override read(entry: EntryId, offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    this.readBytes += lengthBytes;
    return super.read(entry, offset, lengthBytes);
  }
}

const FILES = [
  { path: 'small', content: randomBytes(5000) },
  { path: 'large', content: new Uint8Array(40 * BLOCK_BYTES) },
  { path: 'empty', content: new Uint8Array(0) },
];
const TOTAL = FILES.reduce((sum, { content }) => sum + content.length, 0);
const CHOICE = { type: 'choice', files: 3, totalBytes: TOTAL, heldBytes: 0 };

afterEach(() => void vi.useRealTimers());

/** An honest sender whose receiver has proven itself. */
async function meet(files: readonly { path: string; content: Uint8Array }[] = FILES) {
  const keys = pairedRun();
  const [near, far] = pairedLanes();
  const statuses: TransferStatus[] = [];
  const source = new CountingSource(files);
  const platform = nodePlatform();
  const progress = new TransferProgress(
    () => platform.nowMs(),
    (status) => statuses.push(status),
  );
  const sender = new SendDriver(
    keys.sender,
    { platform, iceServers: [] },
    new Manifest(source.entries),
    source,
    progress,
  );
  const peer = new RawPeer(connected(far), keys.receiver);
  sender.session.add(connected(near));
  peer.prove();
  await peer.hear('manifest');
  const frames = () => peer.heard.filter((message): message is Frame => message.kind === 'frame');
  const framesBytes = () => frames().reduce((sum, { payload }) => sum + payload.length, 0);
  return { sender, peer, statuses, source, near, frames, framesBytes };
}

/** Waits until nothing more comes for a while. */
async function calm(read: () => number): Promise<number> {
  for (let before = -1; before !== read(); ) {
    before = read();
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return read();
}

describe('a receiver is cut off that', () => {
  const request = (ranges: unknown, roots: unknown = []) => ({ type: 'request', ranges, roots });
  test.each<[string, (peer: RawPeer) => void]>([
    ['sends a frame', (peer) => peer.send(encodeFrame(0, 0, new Uint8Array(1), null))],
    ['sends text', (peer) => peer.send(new Uint8Array(0))],
    ['proves itself twice', (peer) => peer.send(encodeProof(new Uint8Array(32)))],
    ['asks before it has chosen', (peer) => peer.say(request([[0, 0, 1]]))],
    ['chooses twice', (peer) => peer.say(CHOICE, CHOICE)],
    ['chooses more than there is', (peer) => peer.say({ ...CHOICE, totalBytes: TOTAL + 1 })],
    ['chooses more files than there are', (peer) => peer.say({ ...CHOICE, files: 4 })],
    ['holds more than it chose', (peer) => peer.say({ ...CHOICE, totalBytes: 5, heldBytes: 6 })],
    ['chooses less than nothing', (peer) => peer.say({ ...CHOICE, totalBytes: -1 })],
    ['asks for what is past the end', (peer) => peer.say(CHOICE, request([[1, 40, 1]]))],
    ['asks for more than the rest', (peer) => peer.say(CHOICE, request([[1, 39, 2]]))],
    ['asks for a block of an empty file', (peer) => peer.say(CHOICE, request([[2, 0, 1]]))],
    ['asks for a file that is not there', (peer) => peer.say(CHOICE, request([[3, 0, 1]]))],
    ['asks for the root of a file that is not there', (peer) => peer.say(CHOICE, request([], [3]))],
    ['asks for no blocks', (peer) => peer.say(CHOICE, request([[1, 0, 0]]))],
    ['asks for a million blocks at once', (peer) => peer.say(CHOICE, request([[1, 0, 1_000_000]]))],
    ['asks for a negative block', (peer) => peer.say(CHOICE, request([[1, -1, 1]]))],
    ['asks for half a block', (peer) => peer.say(CHOICE, request([[1, 0.5, 1]]))],
    ['asks in more ranges than fit', (peer) => peer.say(CHOICE, request(Array(513).fill([1, 0, 1])))],
    ['asks for a page that is not there', (peer) => peer.say({ type: 'pages', first: 1, count: 1 })],
    ['asks for a million pages', (peer) => peer.say({ type: 'pages', first: 0, count: 1_000_000 })],
    ['grants no credit', (peer) => peer.say({ type: 'credit', bytes: 0 })],
    ['grants less than a block', (peer) => peer.say({ type: 'credit', bytes: BLOCK_BYTES - 1 })],
    ['grants credit without end', (peer) => peer.say({ type: 'credit', bytes: MAX_CREDIT_BYTES + 1 })],
    [
      'grants credit that is no number',
      (peer) => peer.sayBytes(Buffer.from('{"type":"credit","bytes":1e999}')),
    ],
    ['acknowledges what is past the end', (peer) => peer.say(CHOICE, { type: 'ack', blocks: [[1, 40, 1]] })],
    ['gives up a file that is not there', (peer) => peer.say({ type: 'failed', entry: 3, code: 'damaged' })],
    ['completes before it has chosen', (peer) => peer.say({ type: 'complete' })],
    ['takes its leave as if it had completed', (peer) => peer.say(CHOICE, { type: 'bye', code: 'complete' })],
    ['says what only a sender says', (peer) => peer.say({ type: 'roots', roots: [] })],
    ['says nothing that anybody knows', (peer) => peer.say({ type: 'shell', command: 'id' })],
    ['says a list', (peer) => peer.say([])],
    ['says too much at once', (peer) => peer.sayBytes(new Uint8Array(64 * 1024 + 1))],
    ['says garbage', (peer) => peer.sayBytes(randomBytes(64))],
    [
      'asks for everything again and again',
      (peer) => {
        peer.say(CHOICE);
        for (let i = 0; i < 1000; i += 1) peer.say(request(Array(512).fill([1, 0, 40]), Array(512).fill(1)));
      },
    ],
  ])('%s', async (_, misbehave) => {
    const { sender, peer, statuses, source, near } = await meet();
    misbehave(peer);
    await sender.session.closed;
    expect(statuses.at(-1)).toMatchObject({ state: 'failed', error: { code: 'protocol-violation' } });
    expect(source.readBytes).toBeLessThanOrEqual(DEFAULT_CREDIT_BYTES + 8 * BLOCK_BYTES);
    expect(near.bufferedBytes).toBe(0);
  });
});

test('a receiver that asks for pages and acknowledges none is cut off with little in memory', async () => {
  const many = Array.from({ length: 20_000 }, (_, i) => ({
    path: `${'a'.repeat(200)}${i}`,
    content: new Uint8Array(0),
  }));
  const { sender, peer, statuses, near } = await meet(many);
  peer.acknowledges = false;
  near.hold();
  let mostBytes = 0;
  for (let i = 0; i < 2000 && peer.closedBecause === null && statuses.at(-1)?.state !== 'failed'; i += 1) {
    peer.say({ type: 'pages', first: 0, count: 16 });
    await new Promise((resolve) => setTimeout(resolve, 0));
    mostBytes = Math.max(mostBytes, near.bufferedBytes);
  }
  expect(statuses.at(-1)).toMatchObject({ state: 'failed', error: { code: 'protocol-violation' } });
  expect(mostBytes).toBeLessThanOrEqual(MAX_BACKLOG_BYTES);
  near.drop('gone');
  await sender.session.closed;
});

describe('a receiver that', () => {
  test('acknowledges no block gets its credit and not a block more', async () => {
    const { sender, peer, frames, framesBytes, source, statuses } = await meet();
    peer.say(CHOICE, { type: 'request', ranges: [[1, 0, 40]], roots: [1] });
    expect(await calm(framesBytes)).toBe(DEFAULT_CREDIT_BYTES);
    expect(source.readBytes).toBeLessThanOrEqual(DEFAULT_CREDIT_BYTES + 8 * BLOCK_BYTES);
    expect(statuses.at(-1)?.bytes).toBe(0);
    peer.say({ type: 'ack', blocks: [[1, 0, 3]] });
    await peer.until(() => frames().filter(({ leaf }) => leaf !== null).length === 19);
    await sender.session.end('cancelled', null);
  });

  test('acknowledges what was never sent gains nothing by it', async () => {
    const { sender, peer, framesBytes, statuses } = await meet();
    peer.say(CHOICE, { type: 'request', ranges: [[1, 0, 40]], roots: [] });
    await calm(framesBytes);
    for (let i = 0; i < 100; i += 1) peer.say({ type: 'ack', blocks: Array(512).fill([1, 20, 20]) });
    expect(await calm(framesBytes)).toBe(DEFAULT_CREDIT_BYTES);
    expect(statuses.at(-1)?.bytes).toBe(0);
    await sender.session.end('cancelled', null);
  });

  test('asks for one block again and again is served within its credit', async () => {
    const { sender, peer, framesBytes, source, near } = await meet();
    peer.say(CHOICE);
    near.hold();
    for (let i = 0; i < 4000; i += 1) peer.say({ type: 'request', ranges: [[1, 0, 1]], roots: [] });
    await calm(() => near.bufferedBytes);
    expect(near.bufferedBytes).toBeLessThan(MAX_BACKLOG_BYTES);
    expect(source.readBytes).toBeLessThan(2 * DEFAULT_CREDIT_BYTES);
    expect(framesBytes()).toBe(0);
    near.release();
    await sender.session.end('cancelled', null);
  });

  test('gives up every file, one by one, keeps the sender busy for no time', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => ({ path: `${i}`, content: new Uint8Array(1) }));
    const { sender, peer, statuses } = await meet(many);
    peer.say({ type: 'choice', files: 20_000, totalBytes: 20_000, heldBytes: 0 });
    for (let entry = 0; entry < 20_000; entry += 1) peer.say({ type: 'failed', entry, code: 'sink-failed' });
    peer.say({ type: 'complete' });
    await sender.session.closed;
    expect(statuses.at(-1)).toMatchObject({ state: 'failed', error: { code: 'sink-failed' } });
    expect(statuses.at(-1)?.failedFiles).toHaveLength(20_000);
  });

  test('floods with what is allowed is answered and served', async () => {
    const { peer, sender, statuses } = await meet();
    peer.say(CHOICE, { type: 'request', ranges: [[0, 0, 1]], roots: [0] });
    for (let i = 0; i < 5000; i += 1) {
      peer.send(encodePing('ping', i));
      peer.say({ type: 'credit', bytes: DEFAULT_CREDIT_BYTES }, { type: 'route', route: 'lan' });
      peer.say({ type: 'ack', blocks: [] }, { type: 'request', ranges: [], roots: [] });
    }
    await peer.hear('roots');
    peer.say({ type: 'ack', blocks: [[0, 0, 1]] }, { type: 'complete' });
    await sender.session.closed;
    expect(statuses.at(-1)).toMatchObject({ state: 'done' });
  });

  test('goes silent is waited for, and what it was sent meanwhile is bounded', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    const meeting = meet();
    await vi.advanceTimersByTimeAsync(10);
    const { peer, statuses, framesBytes } = await meeting;
    peer.say(CHOICE, { type: 'request', ranges: [[1, 0, 40]], roots: [1] });
    peer.answersPings = false;
    peer.acknowledges = false;
    await vi.advanceTimersByTimeAsync((DEAD_PINGS + 2) * PING_INTERVAL_MS);
    expect(statuses.at(-1)).toMatchObject({ state: 'reconnecting', error: null });
    expect(framesBytes()).toBeLessThanOrEqual(DEFAULT_CREDIT_BYTES);
  });
});
