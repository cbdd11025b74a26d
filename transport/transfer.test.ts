import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { type SignalingServer, startSignaling } from '#signaling/server.ts';
import { openShare } from './receiving.ts';
import { type ReceiverStatus, type Sharing, startSharing } from './sharing.ts';
import { MemoryDisk, MemorySink, MemorySource } from './testing/memory-files.ts';
import type { TransferStatus } from './transfer-status.ts';

let server: SignalingServer;
beforeAll(async () => {
  server = await startSignaling({ host: '127.0.0.1', port: 0, stun: { port: 3478 } });
});
afterAll(() => server.close());

interface Offered {
  readonly sharing: Sharing;
  readonly code: Promise<string>;
  readonly receivers: Map<string, ReceiverStatus>;
}

async function offer(files: { path: string; content: Uint8Array }[]): Promise<Offered> {
  const receivers = new Map<string, ReceiverStatus>();
  let gotCode: (code: string) => void = () => {};
  const code = new Promise<string>((resolve) => {
    gotCode = resolve;
  });
  const sharing = await startSharing({
    platform: nodePlatform(),
    serverUrl: server.url,
    source: new MemorySource(files),
    onCode: (next) => next && gotCode(next),
    onReceiver: (status) => receivers.set(status.id, status),
    onConnected: () => {},
    onUnreachable: () => {},
  });
  return { sharing, code, receivers };
}

const FILES = [
  { path: 'empty', content: new Uint8Array(0) },
  { path: 'folder/small.txt', content: randomBytes(17) },
  { path: 'folder/large.bin', content: randomBytes(5 * 1024 * 1024 + 3) },
];

for (const way of ['link', 'code'] as const) {
  test(`files travel between two Node peers by ${way}`, async () => {
    const { sharing, code, receivers } = await offer(FILES);
    try {
      const statuses: TransferStatus[] = [];
      const receiving = await openShare({
        platform: nodePlatform(),
        serverUrl: server.url,
        target: way === 'link' ? sharing.link : await code,
        onStatus: (status) => statuses.push(status),
      });
      expect(receiving.link).toBe(sharing.link);
      expect(receiving.offer.entries.map(({ path }) => path)).toEqual(FILES.map(({ path }) => path));
      const sink = new MemorySink();
      const delivery = await receiving.accept([0, 1, 2], sink);
      expect(delivery.failed).toEqual([]);
      for (const { path, content } of FILES)
        expect(Buffer.from(sink.files.get(path) ?? []).equals(content)).toBe(true);
      expect(statuses.at(-1)?.state).toBe('done');
      expect(statuses.at(-1)?.bytes).toBe(FILES.reduce((sum, { content }) => sum + content.length, 0));
      expect([...receivers.values()].map(({ state }) => state)).toEqual(['done']);
    } finally {
      await sharing.close();
    }
  });
}

test('a process that comes back with the delivery’s id takes its place over, also where it is still thought to be there', async () => {
  const content = randomBytes(48 * 1024 * 1024);
  const { sharing, receivers } = await offer([{ path: 'large.bin', content }]);
  const deliveryId = Buffer.from(randomBytes(16)).toString('base64url');
  const disk = new MemoryDisk();
  const stopping = new AbortController();
  const open = (onStatus: (status: TransferStatus) => void, signal?: AbortSignal) =>
    openShare({
      platform: nodePlatform(),
      serverUrl: server.url,
      target: sharing.link,
      deliveryId,
      onStatus,
      ...(signal && { signal }),
    });
  try {
    // What the first process still does after it is thought to be gone is of no interest; only that it held on until then.
    let begun: () => void = () => {};
    const isBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const states: string[] = [];
    const first = await open(({ state, bytes }) => {
      states.push(state);
      if (bytes > 0) begun();
    }, stopping.signal);
    const lost = first.accept([0], new MemorySink(disk));
    lost.catch(() => {});
    await isBegun;
    first.pause(true);
    const second = await open(() => {});
    expect([...receivers.keys()]).toEqual([deliveryId]);
    stopping.abort();
    await expect(lost).rejects.toMatchObject({ code: 'cancelled' });
    const { failed } = await second.accept([0], new MemorySink(disk));
    expect(failed).toEqual([]);
    expect(disk.files.get('large.bin')?.length).toBe(content.length);
    expect([...receivers].map(([id, { state }]) => [id, state])).toEqual([[deliveryId, 'done']]);
  } finally {
    await sharing.close();
  }
}, 60_000);

test('an id that no delivery has is refused', async () => {
  const opening = openShare({
    platform: nodePlatform(),
    serverUrl: server.url,
    target: `${server.url}#AAAAAAAAAAAAAAAAAAAAAA`,
    deliveryId: 'short',
    onStatus: () => {},
  });
  await expect(opening).rejects.toMatchObject({ code: 'usage' });
});
