import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { type SignalingServer, startSignaling } from '#signaling/server.ts';
import { openShare } from '#transport/receiving.ts';
import { type ReceiverStatus, startSharing } from '#transport/sharing.ts';
import { MemorySource } from '#transport/testing/memory-files.ts';
import type { TransferStatus } from '#transport/transfer-status.ts';
import { ReceiveState } from './receive-state.svelte.ts';
import { ShareState } from './share-state.svelte.ts';

/** Never waited for in full; silence has another code. */
const PATIENT = { timeout: 10_000 };

let server: SignalingServer;
beforeAll(async () => {
  // Not compiled by Svelte, a rune is the value that it is given.
  const plain = <T>(value: T): T => value;
  vi.stubGlobal('$state', Object.assign(plain, { raw: plain }));
  server = await startSignaling({ host: '127.0.0.1', port: 0, stun: { port: 3478 } });
});
afterAll(async () => {
  vi.unstubAllGlobals();
  await server.close();
});

test('a sender hears at once that the page of a receiver who was choosing has gone', async () => {
  const receivers: ReceiverStatus[] = [];
  const sharing = await startSharing({
    platform: nodePlatform(),
    serverUrl: server.url,
    source: new MemorySource([{ path: 'a.txt', content: new Uint8Array(3) }]),
    onCode: () => {},
    onReceiver: (receiver) => receivers.push(receiver),
    onConnected: () => {},
    onUnreachable: () => {},
  });
  onTestFinished(() => sharing.close());
  const page = new ReceiveState(nodePlatform(), server.url);
  await page.open(sharing.link);
  expect(page.stage).toBe('choosing');
  page.farewell();
  await expect
    .poll(() => receivers.at(-1)?.error, PATIENT)
    .toMatchObject({ code: 'cancelled', source: 'remote' });
  // What a reload opens again is still there.
  expect(page.link).toBe(sharing.link);
});

test('a receiver hears at once that the sender’s page has gone', async () => {
  const page = new ShareState(nodePlatform(), server.url);
  await page.offer((gathering) => gathering.add('a.txt', new File(['abc'], 'a.txt')));
  const statuses: TransferStatus[] = [];
  await openShare({
    platform: nodePlatform(),
    serverUrl: server.url,
    target: page.link ?? '',
    onStatus: (status) => statuses.push(status),
  });
  page.farewell();
  await expect
    .poll(() => statuses.at(-1)?.error, PATIENT)
    .toMatchObject({ code: 'cancelled', source: 'remote' });
});
