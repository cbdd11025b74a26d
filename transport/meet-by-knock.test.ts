import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { KNOCK_PATH } from '#protocol/signaling.ts';
import { type SignalingServer, startSignaling } from '#signaling/server.ts';
import type { Platform } from './platform.ts';
import { openShare } from './receiving.ts';
import { type Sharing, startSharing } from './sharing.ts';
import { SignalingClient } from './signaling-client.ts';
import { MemorySource } from './testing/memory-files.ts';

let server: SignalingServer;
beforeAll(async () => {
  server = await startSignaling({ host: '127.0.0.1', port: 0, stun: { port: 3478 } });
});
afterAll(() => server.close());

async function offer(seed = nodePlatform().randomBytes(32)): Promise<Sharing> {
  const sharing = await startSharing({
    platform: nodePlatform(),
    serverUrl: server.url,
    ownerSeed: seed,
    source: new MemorySource([{ path: 'a.txt', content: new Uint8Array(3) }]),
    onCode: () => {},
    onReceiver: () => {},
    onConnected: () => {},
    onUnreachable: () => {},
  });
  onTestFinished(() => sharing.close());
  return sharing;
}

/** Before the server, on the way of requests; whoever knocks is answered here, or not at all. */
async function startLine(answer: (near: Socket) => void): Promise<string> {
  const open = new Set<Socket>();
  const listener = createServer((near) => {
    const far = connect(server.port, '127.0.0.1');
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => [near, far].map((end) => open.delete(end.destroy())));
    }
    far.pipe(near);
    near.on('data', (chunk) => {
      if (!chunk.toString('latin1').startsWith(`POST /${KNOCK_PATH}`)) {
        far.write(chunk);
        return;
      }
      // The server, which would close what brings it nothing, is out of this.
      far.unpipe(near).removeAllListeners('close').destroy();
      answer(near);
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    listener.close();
    for (const socket of open) socket.destroy();
  });
  return `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`;
}

const events = (...lines: string[]) =>
  `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n${lines.map((line) => `data: ${line}\n\n`).join('')}`;

test('whoever opens a link has the sender’s answer after two requests to the server', async () => {
  const sharing = await offer();
  const asked: string[] = [];
  const native = fetch;
  let knocked = () => {};
  // What the delivery is called may be found out meanwhile.
  const deliveryId = new Promise<null>((resolve) => {
    knocked = () => resolve(null);
  });
  const requests = vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) => {
    const { pathname } = new URL(String(input));
    asked.push(pathname.replace(/[^/]{22}$/, '*'));
    if (pathname === `/${KNOCK_PATH}`) knocked();
    return native(input, init);
  });
  const connections = vi.spyOn(SignalingClient, 'connect');
  onTestFinished(() => {
    requests.mockRestore();
    connections.mockRestore();
  });
  let askedByThen: string[] = [];
  const node = nodePlatform();
  const platform: Platform = {
    ...node,
    createPeerConnection(configuration) {
      const connection = node.createPeerConnection(configuration);
      const describe = connection.setRemoteDescription.bind(connection);
      connection.setRemoteDescription = (description) => {
        askedByThen = [...asked];
        return describe(description);
      };
      return connection;
    },
  };
  const receiving = await openShare({
    platform,
    serverUrl: server.url,
    target: sharing.link,
    deliveryId,
    onStatus: () => {},
  });
  expect(receiving.offer.files).toBe(1);
  expect(connections).not.toHaveBeenCalled();
  expect(askedByThen.sort()).toEqual(['/api/knock', '/api/knock/*']);
  await receiving.decline();
});

test.each<[string, (near: Socket) => void]>([
  ['knows nothing of it', (near) => near.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')],
  ['cuts it', (near) => near.destroy()],
  ['keeps answers back until they are whole', () => {}],
  ['says what is no event', (near) => near.write(`${events()}nonsense\n\n`)],
  ['says what is no answer', (near) => near.write(events('{"ok":true}'))],
  ['says what has no end', (near) => near.write(`${events()}data: "${'x'.repeat(50_000)}`)],
  [
    'lets in and then cuts',
    (near) => near.end(events('{"ok":true,"stay":"AAAAAAAAAAAAAAAAAAAAAA","iceServers":[]}')),
  ],
  [
    'tells what is no message',
    (near) =>
      near.write(events('{"ok":true,"stay":"AAAAAAAAAAAAAAAAAAAAAA","iceServers":[]}', '{"payload":"+"}')),
  ],
  ['is full', (near) => near.write(events('{"ok":false,"code":"server-full"}'))],
])('where what stands between %s the other way is gone', async (_, answer) => {
  const sharing = await offer();
  let knocks = 0;
  const serverUrl = await startLine((near) => {
    knocks += 1;
    answer(near);
  });
  const target = `${serverUrl}${new URL(sharing.link).hash}`;
  const receiving = await openShare({ platform: nodePlatform(), serverUrl, target, onStatus: () => {} });
  expect(receiving.offer.files).toBe(1);
  expect(knocks).toBeGreaterThan(0);
  await receiving.decline();
});

test('a sender who is not there is waited for', async () => {
  const seed = nodePlatform().randomBytes(32);
  const first = await offer(seed);
  await first.close();
  const states: string[] = [];
  const opening = openShare({
    platform: nodePlatform(),
    serverUrl: server.url,
    target: first.link,
    onStatus: ({ state }) => states.push(state),
  });
  await vi.waitFor(() => expect(states).toContain('waiting'));
  await offer(seed);
  const receiving = await opening;
  expect(receiving.offer.files).toBe(1);
  await receiving.decline();
});

test('whoever cancels while it knocks has cancelled', async () => {
  const sharing = await offer();
  const stopping = new AbortController();
  const serverUrl = await startLine(() => stopping.abort());
  const target = `${serverUrl}${new URL(sharing.link).hash}`;
  const opening = openShare({
    platform: nodePlatform(),
    serverUrl,
    target,
    onStatus: () => {},
    signal: stopping.signal,
  });
  await expect(opening).rejects.toMatchObject({ code: 'cancelled' });
});
