import { Manager } from 'socket.io-client';
import { describe, expect, test } from 'vitest';
import { MAX_PAYLOAD_BYTES, RELAY_BURST } from '#protocol/signaling.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { RawClient, randomToken, startServer } from './server-harness.ts';

const RATE_LIMITED = { ok: false, code: 'rate-limited' };
const SERVER_FULL = { ok: false, code: 'server-full' };
/** A rate that regains nothing while a test runs. */
const only = (burst: number) => ({ burst, perSecond: 0.0001 });

const join = (room = randomToken()) => ({ role: 'receiver', room, claim: randomToken() });

/** Connects as a trusted proxy would on behalf of `address`. */
const from = (address: string) => ({ extraHeaders: { 'X-Forwarded-For': address } });
const behindProxy = { trustedProxies: ['127.0.0.1'] };

async function connectionError(url: string, options: object = {}): Promise<Error> {
  return RawClient.connect(url, options).then(
    () => Promise.reject(new Error('connected')),
    (error: Error) => error,
  );
}

/** In a room of its own over polling, it polls when told to: everything for it piles up. */
async function unreadingSender(url: string) {
  const handshake = await (await fetch(`${url}socket.io/?EIO=4&transport=polling`)).text();
  const { sid } = JSON.parse(handshake.slice(1));
  const session = `${url}socket.io/?EIO=4&transport=polling&sid=${sid}`;
  const say = (packet: string) => fetch(session, { method: 'POST', body: packet });
  const poll = async () => (await fetch(session)).text();
  await say('40{"version":2}');
  await poll();
  const room = randomToken();
  await say(`420["join",${JSON.stringify({ role: 'sender', room, claim: randomToken() })}]`);
  return { room, say, poll };
}

describe('payloads', () => {
  test('one byte too many is malformed, much more ends the connection', async () => {
    const { url } = await startServer();
    const room = randomToken();
    const sender = await RawClient.connect(url);
    await sender.ask('join', { role: 'sender', room, claim: randomToken() });
    const receiver = await RawClient.connect(url);
    const { members } = await receiver.ask('join', join(room));
    const [to] = members as string[];
    for (const sizeBytes of [0, MAX_PAYLOAD_BYTES + 1]) {
      const reply = await receiver.ask('relay', { room, to, payload: Buffer.alloc(sizeBytes) });
      expect(reply).toEqual({ ok: false, code: 'malformed' });
    }
    const gone = receiver.disconnected();
    receiver.socket.emit(
      'relay',
      { room, to, payload: Buffer.alloc(DEFAULT_LIMITS.messageBytes + 1) },
      () => {},
    );
    expect(await gone).toBe('transport close');
    expect((await sender.next()).name).toBe('member-joined');
    expect((await sender.next()).name).toBe('member-left');
  });

  test('as large as allowed pass over polling too, where they are base64', async () => {
    const { url } = await startServer();
    const room = randomToken();
    const polling = { transports: ['polling'], upgrade: false };
    const sender = await RawClient.connect(url, polling);
    await sender.ask('join', { role: 'sender', room, claim: randomToken() });
    const receiver = await RawClient.connect(url, polling);
    const { members } = await receiver.ask('join', join(room));
    const payload = Buffer.alloc(MAX_PAYLOAD_BYTES, 7);
    const [to] = members as string[];
    expect(await receiver.ask('relay', { room, to, payload })).toEqual({ ok: true });
    expect((await sender.next()).name).toBe('member-joined');
    expect((await sender.next()).body['payload']).toEqual(payload);
  });
});

describe('one connection', () => {
  test('is told when it asks too fast, and cut when it does not heed', async () => {
    const { url } = await startServer({ limits: { requests: only(3), offences: only(2) } });
    const client = await RawClient.connect(url);
    const gone = client.disconnected();
    for (let count = 0; count < 3; count += 1)
      expect(await client.ask('join', join())).toMatchObject({ ok: true });
    for (let count = 0; count < 3; count += 1) expect(await client.ask('join', join())).toEqual(RATE_LIMITED);
    expect(await gone).toBe('io server disconnect');
  });

  test.each([
    ['malformed requests', (client: RawClient) => client.socket.emit('join', { role: 'king' }, () => {})],
    ['unknown events', (client: RawClient) => client.socket.emit('sudo', {}, () => {})],
    ['requests without acknowledgement', (client: RawClient) => client.socket.emit('join', join())],
    [
      'requests with more than a body',
      (client: RawClient) => client.socket.emit('join', join(), 1, () => {}),
    ],
  ])('is cut for %s', async (_, offend) => {
    const { url } = await startServer({ limits: { offences: only(5) } });
    const client = await RawClient.connect(url);
    const gone = client.disconnected();
    for (let count = 0; count < 6; count += 1) offend(client);
    expect(await gone).toBe('io server disconnect');
  });

  test('is cut for flooding with packets that are no requests', async () => {
    const { url } = await startServer({ limits: { packets: only(50) } });
    const client = await RawClient.connect(url);
    const gone = client.disconnected();
    for (let count = 0; count < 60; count += 1) client.socket.io.engine.write('3999[]');
    expect(await gone).toBe('transport close');
  });

  test('is in a bounded number of rooms', async () => {
    const { url } = await startServer({ limits: { roomsPerSocket: 2 } });
    const client = await RawClient.connect(url);
    const room = randomToken();
    await client.ask('join', join(room));
    await client.ask('open-slot', { claim: randomToken() });
    expect(await client.ask('join', join())).toEqual(SERVER_FULL);
    expect(await client.ask('open-slot', { claim: randomToken() })).toEqual(SERVER_FULL);
    await client.ask('leave', { room });
    expect(await client.ask('join', join())).toMatchObject({ ok: true });
  });

  test.each([
    ['a few large payloads', 3, MAX_PAYLOAD_BYTES],
    ['many small ones', 80, 1],
  ])('is cut when it does not read what it is told: %s', async (_, enough, sizeBytes) => {
    const { url } = await startServer({ limits: { backlogBytes: 40_000 } });
    const sender = await unreadingSender(url);
    const receiver = await RawClient.connect(url);
    const { members } = await receiver.ask('join', join(sender.room));
    const [to] = members as string[];
    const relay = { room: sender.room, to, payload: Buffer.alloc(sizeBytes) };
    expect(await receiver.ask('relay', relay)).toEqual({ ok: true });
    let reply: unknown;
    for (let count = 0; count < enough; count += 1) reply = await receiver.ask('relay', relay);
    expect(reply).toEqual({ ok: false, code: 'member-gone' });
    expect((await sender.say('3')).status).toBe(400);
  });

  test('must say who it is soon', async () => {
    const { url } = await startServer({ limits: { helloMs: 50 } });
    // A manager alone opens the transport and stays silent.
    const manager = new Manager(url, { transports: ['websocket'], reconnection: false });
    await new Promise((resolve) => manager.once('close', resolve));
  });

  test('must speak this version', async () => {
    const { url } = await startServer();
    for (const auth of [{}, { version: 1 }, { version: '2' }, { version: 2, more: true }]) {
      expect((await connectionError(url, { auth })).message).toBe('version-mismatch');
    }
  });

  test('does not shed its limits by leaving the namespace', async () => {
    const { url } = await startServer();
    const client = await RawClient.connect(url);
    const closed = new Promise((resolve) => client.socket.io.engine.once('close', resolve));
    client.socket.io.engine.write('1');
    await closed;
  });
});

describe('one address', () => {
  test('opens a bounded number of connections at once', async () => {
    const { url } = await startServer({ ...behindProxy, limits: { socketsPerAddress: 2 } });
    const first = await RawClient.connect(url, from('192.0.2.1'));
    await RawClient.connect(url, from('192.0.2.1'));
    await connectionError(url, from('192.0.2.1'));
    await RawClient.connect(url, from('192.0.2.2'));
    first.socket.disconnect();
    const again = () =>
      RawClient.connect(url, from('192.0.2.1')).then(
        () => true,
        () => false,
      );
    await expect.poll(again, { timeout: 15_000 }).toBe(true);
  });

  test.each([
    ['connections', { connections: only(2) }, async () => {}],
    ['joins', { joins: only(2) }, (client: RawClient) => client.ask('join', join())],
    ['slots', { slots: only(2) }, (client: RawClient) => client.ask('open-slot', { claim: randomToken() })],
  ])('makes a bounded number of %s a minute, over all its connections', async (_, limits, act) => {
    const { url } = await startServer({ ...behindProxy, limits });
    const attempt = async (address: string) => {
      const client = await RawClient.connect(url, from(address)).catch(() => null);
      return client === null ? RATE_LIMITED : ((await act(client)) ?? { ok: true });
    };
    // The three stand in one /56.
    expect(await attempt('2001:db8::1')).toMatchObject({ ok: true });
    expect(await attempt('2001:db8::2')).toMatchObject({ ok: true });
    expect(await attempt('2001:db8:0:ff::1')).toEqual(RATE_LIMITED);
    expect(await attempt('2001:db8:0:100::1')).toMatchObject({ ok: true });
  });

  test('has room for a bounded number of rooms, over all its connections, and for another with each that ends', async () => {
    const { url } = await startServer({ ...behindProxy, limits: { roomsPerAddress: 2, senderGraceMs: 50 } });
    const one = await RawClient.connect(url, from('192.0.2.1'));
    const other = await RawClient.connect(url, from('192.0.2.1'));
    const room = randomToken();
    await one.ask('join', join(room));
    const { slot } = await other.ask('open-slot', { claim: randomToken() });
    expect(await one.ask('join', join())).toEqual(SERVER_FULL);
    expect(await other.ask('open-slot', { claim: randomToken() })).toEqual(SERVER_FULL);

    const stranger = await RawClient.connect(url, from('192.0.2.2'));
    expect(await stranger.ask('join', join())).toMatchObject({ ok: true });
    // Into a room that stands there is always a way.
    expect(await other.ask('join', join(room))).toMatchObject({ ok: true });
    await other.ask('leave', { room });

    await one.ask('leave', { room });
    expect(await one.ask('join', join())).toMatchObject({ ok: true });
    expect(await one.ask('join', join())).toEqual(SERVER_FULL);
    await other.ask('leave', { room: String(slot) });
    expect(await one.ask('open-slot', { claim: randomToken() })).toMatchObject({ ok: true });
    one.cut();
    const again = () => other.ask('open-slot', { claim: randomToken() });
    await expect.poll(again).toMatchObject({ ok: true });
  });

  test('pays dearly for slots that are not open', async () => {
    const { url } = await startServer({ limits: { joins: only(20), missedSlotCost: 10 } });
    const client = await RawClient.connect(url);
    expect(await client.ask('join', join('4711'))).toEqual({ ok: false, code: 'unknown-slot' });
    expect(await client.ask('join', join('4712'))).toEqual({ ok: false, code: 'unknown-slot' });
    expect(await client.ask('join', join('4713'))).toEqual(RATE_LIMITED);
  });

  test('cannot pose as another one', async () => {
    const { url } = await startServer({ limits: { connections: only(1) } });
    await RawClient.connect(url, from('192.0.2.1'));
    await connectionError(url, from('192.0.2.2'));
  });
});

describe('the server', () => {
  test('relays nothing while too much waits for those who do not read', async () => {
    const { url } = await startServer({ limits: { backlogBytesInAll: 40_000 } });
    const sender = await unreadingSender(url);
    const receiver = await RawClient.connect(url);
    const { members } = await receiver.ask('join', join(sender.room));
    const [to] = members as string[];
    const relay = { room: sender.room, to, payload: Buffer.alloc(MAX_PAYLOAD_BYTES) };
    for (let count = 0; count < 3; count += 1)
      expect(await receiver.ask('relay', relay)).toEqual({ ok: true });
    expect(await receiver.ask('relay', relay)).toEqual(SERVER_FULL);
    await sender.poll();
    expect(await receiver.ask('relay', relay)).toEqual({ ok: true });
  });

  test.each([['websocket'], ['polling']])(
    'counts nothing as waiting once it was read over %s',
    async (by) => {
      const { url } = await startServer({ limits: { backlogBytesInAll: 40_000 } });
      const room = randomToken();
      const sender = await RawClient.connect(url, { transports: [by], upgrade: false });
      await sender.ask('join', { role: 'sender', room, claim: randomToken() });
      const receiver = await RawClient.connect(url, { transports: ['polling', 'websocket'] });
      const { members } = await receiver.ask('join', join(room));
      const [to] = members as string[];
      await sender.next();
      for (let count = 0; count < 10; count += 1) {
        const relay = { room, to, payload: Buffer.alloc(MAX_PAYLOAD_BYTES) };
        expect(await receiver.ask('relay', relay)).toEqual({ ok: true });
        await sender.next();
      }
    },
  );

  test('has room for a bounded number of connections', async () => {
    const { url } = await startServer({ ...behindProxy, limits: { sockets: 2 } });
    await RawClient.connect(url, from('192.0.2.1'));
    await RawClient.connect(url, from('192.0.2.2'));
    await connectionError(url, from('192.0.2.3'));
  });

  test('has room for a bounded number of rooms', async () => {
    const { url } = await startServer({ limits: { rooms: 2 } });
    const client = await RawClient.connect(url);
    await client.ask('join', join());
    await client.ask('open-slot', { claim: randomToken() });
    expect(await client.ask('join', join())).toEqual(SERVER_FULL);
    expect(await client.ask('open-slot', { claim: randomToken() })).toEqual(SERVER_FULL);
  });
});

test('a client that keeps to the contract is not refused: its burst of relays passes', async () => {
  const { url } = await startServer();
  const room = randomToken();
  const sender = await RawClient.connect(url);
  await sender.ask('join', { role: 'sender', room, claim: randomToken() });
  const receiver = await RawClient.connect(url);
  const { members } = await receiver.ask('join', join(room));
  const [to] = members as string[];
  const replies = await Promise.all(
    Array.from({ length: RELAY_BURST }, () => receiver.ask('relay', { room, to, payload: Buffer.alloc(10) })),
  );
  expect(replies.every((reply) => reply['ok'])).toBe(true);
});
