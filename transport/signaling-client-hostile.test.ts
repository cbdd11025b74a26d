import { randomBytes } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { base64urlnopad } from '@scure/base';
import fc from 'fast-check';
import { Server, type Socket } from 'socket.io';
import * as v from 'valibot';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { MAX_RECEIVERS, type NoticeName, notices } from '#protocol/signaling.ts';
import type { RoomHandlers } from './room.ts';
import { SignalingClient } from './signaling-client.ts';

const ROOM = base64urlnopad.encode(randomBytes(16));
const OTHER_ROOM = base64urlnopad.encode(randomBytes(16));
const memberName = (index: number) => `member-${String(index).padStart(9, '0')}`;
const SENDER = memberName(0);

/** A server that answers every request with `reply`. */
async function startHostile(reply: unknown, handle: RequestListener = (_, response) => void response.end()) {
  const http = createServer(handle);
  const io = new Server(http, { serveClient: false });
  const sockets: Socket[] = [];
  io.on('connection', (socket) => {
    sockets.push(socket);
    socket.onAny((...args: unknown[]) => {
      const acknowledge = args.at(-1);
      if (typeof acknowledge === 'function' && reply !== undefined) acknowledge(reply);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const client = SignalingClient.connect(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, {
    randomBytes,
  });
  onTestFinished(async () => {
    client.close();
    await io.close();
  });
  /** Tells the client something. */
  const tell = (...args: [string, ...unknown[]]) => sockets[0]?.emit(...args);
  return { io, client, tell };
}

function handlers() {
  const closed = withResolvers<string>();
  return {
    onMember: vi.fn<RoomHandlers['onMember']>(),
    onMemberLeft: vi.fn<RoomHandlers['onMemberLeft']>(),
    onRelay: vi.fn<RoomHandlers['onRelay']>(),
    onClosed: closed.resolve,
    closed: closed.promise,
  };
}

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

describe('a malformed answer', () => {
  test.each([
    ['nothing', null],
    ['a word', 'ok'],
    ['too little', { ok: true }],
    ['too much', { ok: true, members: [], motd: 'hello' }],
    ['an unknown refusal', { ok: false, code: 'because' }],
    ['another answer', { ok: true, slot: 100, lifetimeMs: 1 }],
    ['members without end', { ok: true, members: new Array(MAX_RECEIVERS + 1).fill(SENDER) }],
    ['a member of no shape', { ok: true, members: ['__proto__'] }],
  ])('to a join, %s, ends the client', async (_, reply) => {
    const { client } = await startHostile(reply);
    const joining = client.joinAsReceiver(ROOM, handlers());
    await expect(joining).rejects.toMatchObject({ code: 'protocol-violation' });
    await expect(client.openSlot(handlers())).rejects.toMatchObject({ code: 'protocol-violation' });
  });

  test('to a relay rejects it', async () => {
    const { client } = await startHostile({ ok: true, members: [SENDER] });
    const told = handlers();
    const room = await client.joinAsReceiver(ROOM, told);
    await expect(room.relay(SENDER, new Uint8Array(1))).rejects.toMatchObject({ code: 'connection-lost' });
    expect(await told.closed).toBe('protocol-violation');
  });
});

test('a server that does not answer is unreachable', async () => {
  const { client } = await startHostile(undefined);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const joining = client.joinAsReceiver(ROOM, handlers());
  const failed = expect(joining).rejects.toMatchObject({ code: 'server-unreachable' });
  await vi.advanceTimersByTimeAsync(60_000);
  await failed;
});

test.each([
  [
    'another version',
    (io: Server) => io.use((_, next) => next(new Error('version-mismatch'))),
    'version-mismatch',
  ],
  ['no reason', (io: Server) => io.use((_, next) => next(new Error('because'))), 'server-refused'],
  ['a cut', (io: Server) => io.on('connection', (socket) => socket.disconnect(true)), 'server-refused'],
])('a server that refuses for %s is not asked again', async (_, refuse, code) => {
  const { io, client } = await startHostile(undefined);
  refuse(io);
  await expect(client.joinAsReceiver(ROOM, handlers())).rejects.toMatchObject({ code });
});

describe('a notice', () => {
  async function receiving() {
    const { client, tell } = await startHostile({ ok: true, members: [] });
    const told = handlers();
    const room = await client.joinAsReceiver(ROOM, told);
    return { tell, told, room };
  }

  test('that is right is told', async () => {
    const { tell, told } = await receiving();
    tell('member-joined', { room: ROOM, member: SENDER });
    tell('relay', { room: ROOM, from: SENDER, payload: Buffer.from('a') });
    tell('room-closed', { room: ROOM, reason: 'expired' });
    expect(await told.closed).toBe('code-used');
    expect(told.onMember).toHaveBeenCalledExactlyOnceWith(SENDER);
    expect(told.onRelay).toHaveBeenCalledExactlyOnceWith(SENDER, new Uint8Array([97]));
  });

  test.each<[string, NoticeName, unknown]>([
    ['empty', 'relay', undefined],
    ['without payload', 'relay', { room: ROOM, from: SENDER }],
    ['with a payload of no bytes', 'relay', { room: ROOM, from: SENDER, payload: 'text' }],
    ['with too large a payload', 'relay', { room: ROOM, from: SENDER, payload: Buffer.alloc(100_000) }],
    ['with more than it should', 'member-left', { room: ROOM, member: SENDER, why: 'so' }],
    ['for an unknown reason', 'room-closed', { room: ROOM, reason: 'because' }],
  ])('%s ends the room', async (_, name, body) => {
    const { tell, told } = await receiving();
    tell(name, body);
    expect(await told.closed).toBe('protocol-violation');
    expect(told.onRelay).not.toHaveBeenCalled();
  });

  test('of a second sender ends the room', async () => {
    const { tell, told } = await receiving();
    tell('member-joined', { room: ROOM, member: memberName(1) });
    tell('member-joined', { room: ROOM, member: memberName(2) });
    expect(await told.closed).toBe('protocol-violation');
  });

  test('of receivers without end ends the room', async () => {
    const { client, tell } = await startHostile({ ok: true, members: [] });
    const told = handlers();
    await client.joinAsSender(ROOM, told);
    for (let index = 0; index <= MAX_RECEIVERS; index += 1) {
      tell('member-joined', { room: ROOM, member: memberName(index) });
    }
    expect(await told.closed).toBe('protocol-violation');
    expect(told.onMember).toHaveBeenCalledTimes(MAX_RECEIVERS);
  });

  test('about others, from others or of another kind is dropped', async () => {
    const { tell, told } = await receiving();
    const payload = Buffer.from('a');
    tell('relay', { room: OTHER_ROOM, from: SENDER, payload });
    tell('relay', { room: ROOM, from: SENDER, payload });
    tell('member-left', { room: ROOM, member: SENDER });
    tell('room-closed', { room: OTHER_ROOM, reason: 'closed' });
    tell('weather', { room: ROOM });
    tell('toString');
    tell('__proto__', {});
    tell('room-closed', { room: ROOM, reason: 'silent' });
    expect(await told.closed).toBe('peer-silent');
    expect([told.onMember, told.onMemberLeft, told.onRelay].flatMap((called) => called.mock.calls)).toEqual(
      [],
    );
  });

  test('whatever it holds, never throws and never reaches a handler malformed', async () => {
    const names = Object.keys(notices) as NoticeName[];
    const field = fc.oneof(fc.constantFrom<unknown>(ROOM, SENDER, Buffer.from('a')), fc.jsonValue());
    const body = fc.oneof(
      fc.jsonValue(),
      fc.record(
        { room: field, member: field, from: field, payload: field, reason: field },
        { requiredKeys: [] },
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), body, async (name, notice) => {
        fc.pre(!v.is(notices[name], notice));
        const { tell, told } = await receiving();
        tell(name, notice);
        expect(await told.closed).toBe('protocol-violation');
        expect(
          [told.onMember, told.onMemberLeft, told.onRelay].flatMap((called) => called.mock.calls),
        ).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });
});

describe('the ICE-server document', () => {
  const answering =
    (status: number, body: string): RequestListener =>
    (_, response) => {
      response.writeHead(status).end(body);
    };

  test.each([
    ['no JSON', 'stun:a'],
    ['of another version', '{"version":2,"iceServers":[]}'],
    [
      'with credentials nobody asked for',
      '{"version":1,"iceServers":[{"urls":["stun:a"],"credential":"x"}]}',
    ],
    ['naming no STUN server', '{"version":1,"iceServers":[{"urls":["http://a"]}]}'],
  ])('%s is a violation', async (_, body) => {
    const { client } = await startHostile(null, answering(200, body));
    await expect(client.fetchIceServers()).rejects.toMatchObject({ code: 'protocol-violation' });
  });

  test('without end is cut', async () => {
    const { client } = await startHostile(null, (_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(' '.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    });
    await expect(client.fetchIceServers()).rejects.toMatchObject({ code: 'protocol-violation' });
  });

  test('refused, elsewhere or out of reach is told apart', async () => {
    const refusing = await startHostile(null, answering(403, ''));
    await expect(refusing.client.fetchIceServers()).rejects.toMatchObject({ code: 'server-refused' });
    for (const status of [408, 425, 429, 502, 503]) {
      const starting = await startHostile(null, answering(status, ''));
      await expect(starting.client.fetchIceServers()).rejects.toMatchObject({ code: 'server-unreachable' });
    }
    const elsewhere = await startHostile(null, (_, response) => {
      response.writeHead(302, { Location: 'https://evil.example/' }).end();
    });
    await expect(elsewhere.client.fetchIceServers()).rejects.toMatchObject({ code: 'server-unreachable' });
    const gone = await startHostile(null);
    await gone.io.close();
    await expect(gone.client.fetchIceServers()).rejects.toMatchObject({ code: 'server-unreachable' });
  });
});
