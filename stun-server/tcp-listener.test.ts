import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { decodeBindingResponse, encodeBindingRequest, randomTransactionId } from './codec/binding.ts';
import type { TcpLimits } from './limits.ts';
import { listenTcp } from './tcp-listener.ts';
import { type LoopbackClient, openTcpClient } from './testing/loopback-client.ts';
import type { Listener } from './udp-listener.ts';

const LIMITS: TcpLimits = { maxConnections: 4, maxConnectionsPerAddress: 2, messageDeadlineMs: 1_000_000 };
const open: { close(): unknown }[] = [];

function closing<T extends { close(): unknown }>(resource: T): T {
  open.push(resource);
  return resource;
}

const listen = async (limits: Partial<TcpLimits> = {}): Promise<Listener> =>
  closing(await listenTcp('127.0.0.1', 0, { ...LIMITS, ...limits }));

const connectTo = async ({ port }: Listener, localAddress?: string): Promise<LoopbackClient> =>
  closing(await openTcpClient('127.0.0.1', port, localAddress));

async function isServed(client: LoopbackClient): Promise<boolean> {
  const id = randomTransactionId();
  client.send(encodeBindingRequest(id));
  const answer = await client.receive();
  return answer !== null && decodeBindingResponse(answer, id)?.kind === 'mapped';
}

afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource.close();
});

describe('the deadline', () => {
  // The server's timers alone: sockets go on in real time.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  const REQUEST = encodeBindingRequest(randomTransactionId());

  /** A request on a second connection is served only after what the first one sent before has been read. */
  async function settled(listener: Listener): Promise<void> {
    const other = await connectTo(listener);
    expect(await isServed(other)).toBe(true);
    other.close();
  }

  test.each([
    ['sends nothing', new Uint8Array()],
    ['stalls in the header', REQUEST.subarray(0, 10)],
    ['stalls in the attributes its length promises', Uint8Array.of(0, 1, 0, 100, ...REQUEST.subarray(4))],
  ])('closes a connection that %s', async (_, bytes) => {
    const listener = await listen({ maxConnections: 10, maxConnectionsPerAddress: 10 });
    const client = await connectTo(listener);
    client.send(bytes);
    await settled(listener);
    vi.advanceTimersByTime(LIMITS.messageDeadlineMs);
    expect(await client.receive()).toBeNull();
  });

  test('is not put off by single bytes', async () => {
    const listener = await listen({ maxConnections: 10, maxConnectionsPerAddress: 10 });
    const client = await connectTo(listener);
    await settled(listener);
    vi.advanceTimersByTime(LIMITS.messageDeadlineMs - 1);
    client.send(REQUEST.subarray(0, 1));
    await settled(listener);
    vi.advanceTimersByTime(1);
    expect(await client.receive()).toBeNull();
  });

  test('begins anew with each whole message', async () => {
    const listener = await listen({ maxConnections: 10, maxConnectionsPerAddress: 10 });
    const client = await connectTo(listener);
    for (let round = 0; round < 3; round++) {
      expect(await isServed(client)).toBe(true);
      vi.advanceTimersByTime(LIMITS.messageDeadlineMs - 1);
    }
    expect(await isServed(client)).toBe(true);
  });
});

describe('connections', () => {
  test('are bounded for each address, and come free', async () => {
    const listener = await listen();
    const [first, second] = [await connectTo(listener), await connectTo(listener)];
    expect([await isServed(first), await isServed(second)]).toEqual([true, true]);
    const third = await connectTo(listener);
    expect(await third.receive()).toBeNull();
    expect(await isServed(await connectTo(listener, '127.0.0.2'))).toBe(true);

    first.close();
    await vi.waitUntil(async () => isServed(await connectTo(listener)));
    expect(await isServed(second)).toBe(true);
  });

  test('are bounded in all', async () => {
    const listener = await listen();
    for (const address of ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'])
      expect(await isServed(await connectTo(listener, address))).toBe(true);
    const fifth = await connectTo(listener, '127.0.0.5');
    expect(await fifth.receive()).toBeNull();
  });

  test('of one IPv6 /64 and of one IPv4 address behind a dual-stack socket are one origin', async () => {
    const listener = closing(await listenTcp('::', 0, { ...LIMITS, maxConnectionsPerAddress: 1 }));
    const ipv4 = await connectTo(listener);
    const ipv6 = closing(await openTcpClient('::1', listener.port));
    expect([await isServed(ipv4), await isServed(ipv6)]).toEqual([true, true]);
    expect(await (await connectTo(listener)).receive()).toBeNull();
    expect(await closing(await openTcpClient('::1', listener.port)).receive()).toBeNull();
  });

  test('that are reset leave the others alone', async () => {
    const listener = await listen();
    for (let round = 0; round < 5; round++) {
      const socket = connect(listener.port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(encodeBindingRequest(randomTransactionId()));
      socket.resetAndDestroy();
      await once(socket, 'close');
    }
    await vi.waitUntil(async () => isServed(await connectTo(listener)));
  });

  test('that ask and do not read are not read from', async () => {
    const listener = await listen();
    const socket = connect(listener.port, '127.0.0.1');
    closing({ close: () => socket.destroy() });
    socket.pause();
    await once(socket, 'connect');
    const burst = Buffer.concat(
      Array.from({ length: 2048 }, () => encodeBindingRequest(randomTransactionId())),
    );
    // Several times what the buffers of both kernels hold: only a server that reads on without end takes it all.
    const MOST_BYTES = 64 * 1024 * 1024;
    let sentBytes = 0;
    for (;;) {
      sentBytes += burst.length;
      if (sentBytes > MOST_BYTES) break;
      const isFull = !socket.write(burst);
      if (isFull && !(await drains(socket))) break;
    }
    expect(sentBytes).toBeLessThan(MOST_BYTES);
    expect(await isServed(await connectTo(listener, '127.0.0.2'))).toBe(true);
  });
});

/** Whether the socket's buffer empties while the event loop turns some hundred times; a loaded machine only weakens the test. */
async function drains(socket: ReturnType<typeof connect>): Promise<boolean> {
  for (let turn = 0; turn < 500 && socket.writableNeedDrain; turn++)
    await new Promise((r) => setTimeout(r, 1));
  return !socket.writableNeedDrain;
}
