import { randomBytes } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { base64urlnopad } from '@scure/base';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { CONFIG_PATH, MAX_PAYLOAD_BYTES, RELAY_BURST } from '#protocol/signaling.ts';
import { type SignalingServerOptions, startSignaling } from '#signaling/server.ts';
import { SERVER_CHECK_MS } from './limits.ts';
import type { Room, RoomHandlers } from './room.ts';
import { SignalingClient, type SignalingOptions } from './signaling-client.ts';

/** For what happens by itself; never waited for in full. */
const PATIENT = { timeout: 15_000 };

const utf8 = (text: string) => new TextEncoder().encode(text);
const randomRoom = () => base64urlnopad.encode(randomBytes(16));

async function startServer(options: Partial<SignalingServerOptions> = {}) {
  const server = await startSignaling({ host: '127.0.0.1', port: 0, stun: { port: 3478 }, ...options });
  onTestFinished(() => server.close());
  return server;
}

function startClient(url: string, options: Partial<SignalingOptions> = {}): SignalingClient {
  const client = SignalingClient.connect(url, { randomBytes, ...options });
  onTestFinished(() => client.close());
  return client;
}

async function memberCount(url: string): Promise<number> {
  return (await (await fetch(`${url}healthz`)).json()).members;
}

/** A line that can fail: forwards TCP to the server, below `/prefix/`. */
async function startLine(port: number) {
  const open = new Set<Socket>();
  const listener = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => [near, far].map((end) => open.delete(end.destroy())));
    }
    near.once('data', (head) => {
      far.write(head.toString('latin1').replace(' /prefix/', ' /'), 'latin1');
      near.pipe(far).pipe(near);
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    listener.close();
    cut();
  });
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  /** What is said over the connections of now is lost, and nobody is told: as where a router has forgotten them. */
  const swallow = () => {
    for (const socket of open) socket.unpipe().on('data', () => {});
  };
  return { url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/prefix`, cut, swallow };
}

/** Everything a room tells, in order, to be waited for. */
class Log implements RoomHandlers {
  readonly lines: string[] = [];
  #waiting: (() => void) | null = null;

  onMember = (member: string) => this.#write('member', member);
  onMemberLeft = (member: string) => this.#write('left', member);
  onRelay = (from: string, payload: Uint8Array) =>
    this.#write('relay', from, new TextDecoder().decode(payload));
  onClosed = (reason: string) => this.#write('closed', reason);
  onConnected = (connected: boolean) => this.#write(connected ? 'connected' : 'disconnected');

  async next(): Promise<string> {
    while (this.lines.length === 0) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    return this.lines.shift() ?? '';
  }

  #write(...words: string[]): void {
    this.lines.push(words.join(' '));
    this.#waiting?.();
  }
}

/** A sender and a receiver who see each other in a link room. */
async function startPair(senderUrl: string, receiverUrl = senderUrl) {
  const name = randomRoom();
  const senderLog = new Log();
  const receiverLog = new Log();
  const sender = await startClient(senderUrl).joinAsSender(name, senderLog);
  const receiver = await startClient(receiverUrl).joinAsReceiver(name, receiverLog);
  const receiverId = member(await senderLog.next());
  const senderId = member(await receiverLog.next());
  return { name, sender, senderId, senderLog, receiver, receiverId, receiverLog };
}

function member(line: string): string {
  expect(line).toMatch(/^member /);
  return line.split(' ')[1] ?? '';
}

async function expectRelay(from: Room, to: string, log: Log): Promise<void> {
  const text = randomRoom();
  await from.relay(to, utf8(text));
  expect(await log.next()).toMatch(new RegExp(`^relay .* ${text}$`));
}

describe('in a room', () => {
  test('two meet and relay both ways, in order', async () => {
    const { url } = await startServer();
    const { sender, senderId, senderLog, receiver, receiverId, receiverLog } = await startPair(url);
    expect([...sender.members]).toEqual([receiverId]);
    expect([...receiver.members]).toEqual([senderId]);
    await Promise.all(['a', 'b', 'c'].map((text) => receiver.relay(senderId, utf8(text))));
    for (const text of ['a', 'b', 'c']) expect(await senderLog.next()).toBe(`relay ${receiverId} ${text}`);
    await expectRelay(sender, receiverId, receiverLog);
    receiver.leave();
    expect(await senderLog.next()).toBe(`left ${receiverId}`);
    await expect(sender.relay(receiverId, utf8('x'))).rejects.toMatchObject({ code: 'connection-lost' });
  });

  test('nothing is told before the join has been awaited, and then all of it', async () => {
    const { url } = await startServer();
    const name = randomRoom();
    for (const receiver of [startClient(url), startClient(url)])
      await receiver.joinAsReceiver(name, new Log());
    const log = new Log();
    const room = await startClient(url).joinAsSender(name, log);
    for (let hop = 0; hop < 100; hop += 1) await Promise.resolve();
    expect(log.lines).toEqual([]);
    expect(room.members.size).toBe(2);
    expect([member(await log.next()), member(await log.next())]).toEqual([...room.members]);
  });

  test('a slot is opened, serves one at a time, and is closed', async () => {
    const { url } = await startServer();
    const senderLog = new Log();
    const sender = await startClient(url).openSlot(senderLog);
    expect(sender.lifetimeMs).toBe(30 * 60_000);
    const receiverLog = new Log();
    const receiver = await startClient(url).joinAsReceiver({ slot: sender.slot }, receiverLog);
    const second = startClient(url).joinAsReceiver({ slot: sender.slot }, new Log());
    await expect(second).rejects.toMatchObject({ code: 'room-full' });
    const receiverId = member(await senderLog.next());
    await expectRelay(receiver, member(await receiverLog.next()), senderLog);
    await expectRelay(sender, receiverId, receiverLog);
    sender.leave();
    expect(await receiverLog.next()).toMatch(/^left /);
    expect(await receiverLog.next()).toBe('closed code-used');
    await expect(receiver.relay(receiverId, utf8('x'))).rejects.toMatchObject({ code: 'connection-lost' });
    const late = startClient(url).joinAsReceiver({ slot: sender.slot }, new Log());
    await expect(late).rejects.toMatchObject({ code: 'code-used' });
  });

  test('a receiver that is put out hears of it, and its sender does not', async () => {
    const { url } = await startServer();
    const { sender, senderLog, receiverId, receiverLog } = await startPair(url);
    await sender.dismiss(receiverId);
    expect(await receiverLog.next()).toBe('closed connection-lost');
    expect(sender.members.size).toBe(0);
    await sender.dismiss(receiverId);
    expect(senderLog.lines).toEqual([]);
  });

  test('a receiver whose sender has gone is told so', async () => {
    const { url } = await startServer();
    const { sender, senderId, receiver, receiverLog } = await startPair(url);
    sender.leave();
    expect(await receiverLog.next()).toBe(`left ${senderId}`);
    await expect(receiver.relay(senderId, utf8('x'))).rejects.toMatchObject({ code: 'sender-gone' });
  });

  test('a sender that comes back with its claim takes over', async () => {
    const { url } = await startServer();
    const name = randomRoom();
    const claim = randomBytes(16);
    const log = new Log();
    await startClient(url).joinAsSender(name, log, claim);
    const stranger = startClient(url).joinAsSender(name, new Log(), randomBytes(16));
    await expect(stranger).rejects.toMatchObject({ code: 'room-taken' });
    await startClient(url).joinAsSender(name, new Log(), claim);
    expect(await log.next()).toBe('closed room-taken');
  });

  test('relays are paced to what the server takes', async () => {
    const { url } = await startServer({ limits: { requests: { burst: RELAY_BURST + 5, perSecond: 60 } } });
    const { senderId, senderLog, receiver } = await startPair(url);
    const count = RELAY_BURST + 30;
    await Promise.all(
      Array.from({ length: count }, (_, index) => receiver.relay(senderId, utf8(`${index}`))),
    );
    for (let index = 0; index < count; index += 1)
      expect(await senderLog.next()).toMatch(new RegExp(` ${index}$`));
  });

  test.each([0, MAX_PAYLOAD_BYTES + 1])('a payload of %i bytes is not even sent', async (sizeBytes) => {
    const { url } = await startServer();
    const { senderId, senderLog, receiver } = await startPair(url);
    const relayed = receiver.relay(senderId, new Uint8Array(sizeBytes));
    await expect(relayed).rejects.toMatchObject({ code: 'internal' });
    await expectRelay(receiver, senderId, senderLog);
  });

  test('who has left hears nothing more, not even from a join under way', async () => {
    const server = await startServer();
    const name = randomRoom();
    const log = new Log();
    const client = startClient(server.url);
    await client.joinAsSender(randomRoom(), new Log());
    const joining = client.joinAsReceiver(name, log);
    client.close();
    await expect(joining).rejects.toMatchObject({ code: 'cancelled' });
    const { sender, senderLog, receiver } = await startPair(server.url);
    sender.leave();
    receiver.leave();
    sender.leave();
    expect(log.lines).toEqual([]);
    expect(senderLog.lines).toEqual([]);
    await expect.poll(() => memberCount(server.url), PATIENT).toBe(0);
  });
});

describe('when the connection is lost', () => {
  test('both sides begin anew: a receiver comes back under another name', async () => {
    const { url, port } = await startServer();
    const line = await startLine(port);
    const { senderId, senderLog, sender, receiver, receiverId, receiverLog } = await startPair(url, line.url);
    line.cut();
    expect(await receiverLog.next()).toBe(`left ${senderId}`);
    expect(await receiverLog.next()).toBe('disconnected');
    await expect(receiver.relay(senderId, utf8('x'))).rejects.toMatchObject({ code: 'connection-lost' });
    expect(await senderLog.next()).toBe(`left ${receiverId}`);
    expect(await receiverLog.next()).toBe('connected');
    expect(await receiverLog.next()).toBe(`member ${senderId}`);
    const again = member(await senderLog.next());
    expect(again).not.toBe(receiverId);
    await expectRelay(receiver, senderId, senderLog);
    await expectRelay(sender, again, receiverLog);
  });

  test('both sides begin anew: so does a sender, in its slot', async () => {
    const { url, port } = await startServer();
    const line = await startLine(port);
    const senderLog = new Log();
    const receiverLog = new Log();
    const sender = await startClient(line.url).openSlot(senderLog);
    const receiver = await startClient(url).joinAsReceiver({ slot: sender.slot }, receiverLog);
    const receiverId = member(await senderLog.next());
    const senderId = member(await receiverLog.next());
    line.cut();
    for (const told of [`left ${receiverId}`, 'disconnected', 'connected', `member ${receiverId}`]) {
      expect(await senderLog.next()).toBe(told);
    }
    expect(await receiverLog.next()).toBe(`left ${senderId}`);
    const again = member(await receiverLog.next());
    expect(again).not.toBe(senderId);
    await expectRelay(receiver, again, senderLog);
    await expectRelay(sender, receiverId, receiverLog);
  });

  test('everybody finds each other again at a server that restarts empty', async () => {
    const first = await startServer();
    const { sender, senderLog, receiver, receiverId, senderId, receiverLog } = await startPair(first.url);
    await first.close();
    expect(await senderLog.next()).toBe(`left ${receiverId}`);
    expect(await senderLog.next()).toBe('disconnected');
    expect(await receiverLog.next()).toBe(`left ${senderId}`);
    expect(await receiverLog.next()).toBe('disconnected');
    await startServer({ port: first.port });
    expect(await senderLog.next()).toBe('connected');
    expect(await receiverLog.next()).toBe('connected');
    const newReceiverId = member(await senderLog.next());
    await expectRelay(receiver, member(await receiverLog.next()), senderLog);
    await expectRelay(sender, newReceiverId, receiverLog);
  });

  test('a slot that the restarted server does not know is reported lost', async () => {
    const first = await startServer();
    const log = new Log();
    const client = startClient(first.url);
    await client.openSlot(log);
    await first.close();
    await startServer({ port: first.port });
    for (const told of ['disconnected', 'closed code-used']) expect(await log.next()).toBe(told);
    await client.openSlot(log);
  });

  test('a rejoin that is too much just now is tried again', async () => {
    const first = await startServer();
    const client = startClient(first.url);
    const logs = [new Log(), new Log()];
    for (const log of logs) await client.joinAsSender(randomRoom(), log);
    await first.close();
    await startServer({ port: first.port, limits: { joins: { burst: 1, perSecond: 1 } } });
    for (const log of logs) {
      expect(await log.next()).toBe('disconnected');
      expect(await log.next()).toBe('connected');
    }
  });

  test('what is asked meanwhile waits for the server', async () => {
    const { port, close } = await startServer();
    await close();
    const client = startClient(`http://127.0.0.1:${port}`);
    const joined = client.joinAsSender(randomRoom(), new Log());
    const opened = client.openSlot(new Log());
    expect(client.connected).toBe(false);
    await startServer({ port });
    await joined;
    expect((await opened).slot).toBeGreaterThan(99);
    expect(client.connected).toBe(true);
  });

  test('and no server is there, that is said after a while', async () => {
    const { port, close } = await startServer();
    await close();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const joining = startClient(`http://127.0.0.1:${port}`).joinAsReceiver(randomRoom(), new Log());
    const failed = expect(joining).rejects.toMatchObject({ code: 'server-unreachable' });
    await vi.advanceTimersByTimeAsync(60_000);
    await failed;
  });
});

/** A server that accepts and never answers. */
async function startMute() {
  const open = new Set<Socket>();
  let heard: () => void = () => {};
  const asked = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const listener = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('data', (head) => head.includes(CONFIG_PATH) && heard());
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    listener.close();
    for (const socket of open) socket.destroy();
  });
  return { url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`, asked };
}

describe('a client', () => {
  test('waits for a mute server no longer than a person does', async () => {
    const { url, asked } = await startMute();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const failed = expect(startClient(url).fetchIceServers()).rejects.toMatchObject({
      code: 'server-unreachable',
      cause: { message: 'no answer in time' },
    });
    await asked;
    await vi.advanceTimersByTimeAsync(10_000);
    await failed;
  });

  test('knows a server below a prefix', async () => {
    const { port } = await startServer();
    const { url } = await startLine(port);
    const client = startClient(`${url}/?query#fragment`);
    const config = { urls: [`stun:127.0.0.1:3478`] };
    expect(await client.fetchIceServers()).toEqual([config]);
    await client.openSlot(new Log());
  });

  test.each([
    ['refuses', (near: Socket) => void near.end('HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n')],
    ['swallows', () => {}],
  ])('falls back to polling where a proxy %s WebSockets', async (_, onUpgrade) => {
    const { port, url } = await startServer();
    const near = new Set<Socket>();
    const proxy = createServer((socket) => {
      near.add(socket);
      socket.on('error', () => {});
      socket.once('data', (head) => {
        if (/^upgrade: websocket/im.test(head.toString('latin1'))) {
          onUpgrade(socket);
          return;
        }
        const far = connect(port, '127.0.0.1');
        far.on('error', () => {});
        far.write(head);
        socket.pipe(far).pipe(socket);
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      proxy.close();
      for (const socket of near) socket.destroy();
    });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const client = startClient(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    const opening = client.openSlot(new Log());
    // The time after which a swallowed attempt is given up, and the pause before the next.
    await vi.advanceTimersByTimeAsync(5000);
    vi.useRealTimers();
    const { slot } = await opening;
    await startClient(url).joinAsReceiver({ slot }, new Log());
  });

  test.each([
    ['a slot that is not open', { slot: 4711 }, 'wrong-code'],
    ['a room of no kind', 'lobby', 'server-refused'],
  ])('that joins %s is refused', async (_, room, code) => {
    const { url } = await startServer();
    await expect(startClient(url).joinAsReceiver(room, new Log())).rejects.toMatchObject({ code });
  });

  test('that asks for too much is told', async () => {
    const { url } = await startServer({
      limits: { joins: { burst: 1, perSecond: 0.001 }, roomsPerSocket: 1 },
    });
    const client = startClient(url);
    await client.joinAsReceiver(randomRoom(), new Log());
    const limited = client.joinAsReceiver(randomRoom(), new Log());
    await expect(limited).rejects.toMatchObject({ code: 'rate-limited' });
    await expect(client.openSlot(new Log())).rejects.toMatchObject({ code: 'server-full' });
  });

  test.each(['close', 'abort', 'aborted before'])('ends everything on %s', async (way) => {
    const server = await startServer();
    const abort = new AbortController();
    if (way === 'aborted before') abort.abort();
    const client = startClient(server.url, { signal: abort.signal });
    const log = new Log();
    const joining = client.joinAsSender(randomRoom(), log);
    const cancelled = expect(joining).rejects.toMatchObject({ code: 'cancelled' });
    if (way === 'close') client.close();
    else abort.abort();
    await cancelled;
    await expect(client.openSlot(log)).rejects.toMatchObject({ code: 'cancelled' });
    await expect(client.fetchIceServers()).rejects.toMatchObject({ code: 'cancelled' });
    client.close();
    expect(client.connected).toBe(false);
    expect(log.lines).toEqual([]);
  });

  test('that closes gives up its slot at once', async () => {
    const { url } = await startServer();
    const client = startClient(url);
    const { slot } = await client.openSlot(new Log());
    client.close();
    await expect.poll(() => memberCount(url), PATIENT).toBe(0);
    const late = startClient(url).joinAsReceiver({ slot }, new Log());
    await expect(late).rejects.toMatchObject({ code: 'code-used' });
  });
});

describe('a check', () => {
  async function startChecked() {
    const { url, port } = await startServer();
    const { url: lineUrl, swallow } = await startLine(port);
    const name = randomRoom();
    const [log, receiverLog] = [new Log(), new Log()];
    const client = startClient(lineUrl);
    const sender = await client.joinAsSender(name, log);
    await startClient(url).joinAsReceiver(name, receiverLog);
    const receiverId = member(await log.next());
    member(await receiverLog.next());
    return { client, sender, log, receiverId, receiverLog, swallow };
  }

  test('makes a connection over which nothing comes anew, soon, and comes back to its rooms, whose others see that', async () => {
    const { client, sender, log, receiverId, receiverLog, swallow } = await startChecked();
    swallow();
    client.check();
    expect(await log.next()).toBe(`left ${receiverId}`);
    expect(await log.next()).toBe('disconnected');
    expect(await log.next()).toBe('connected');
    expect(member(await log.next())).toBe(receiverId);
    expect(await receiverLog.next()).toMatch(/^left /);
    expect(await receiverLog.next()).toMatch(/^member /);
    await expectRelay(sender, receiverId, receiverLog);
  });

  test('leaves a connection alone over which the server answers, however often it is asked for', async () => {
    const { client, sender, log, receiverId, receiverLog } = await startChecked();
    for (let i = 0; i < 1000; i += 1) client.check();
    await setTimeout(SERVER_CHECK_MS + 200);
    for (let i = 0; i < 3; i += 1) {
      client.check();
      await expectRelay(sender, receiverId, receiverLog);
    }
    expect(client.connected).toBe(true);
    expect(log.lines).toEqual([]);
  });

  test('comes to nothing where the connection is being made, or is over', async () => {
    const { url } = await startServer();
    const client = startClient(url);
    client.check();
    await client.joinAsReceiver(randomRoom(), new Log());
    client.check();
    client.close();
    client.check();
    await expect(client.joinAsReceiver(randomRoom(), new Log())).rejects.toMatchObject({ code: 'cancelled' });
  });
});
