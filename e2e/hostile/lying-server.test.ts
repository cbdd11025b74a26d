import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { TransferErrorCode } from '#protocol/errors.ts';
import { MESSAGE_TYPE } from '#protocol/handshake/envelope.ts';
import { linkSecret, parseLink } from '#protocol/handshake/link.ts';
import { ReceiverHandshake } from '#protocol/handshake/receiver-handshake.ts';
import { RELAY_BURST, type RequestName } from '#protocol/signaling.ts';
import { CONNECT_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS, SENDER_TIMEOUT_MS } from '#transport/limits.ts';
import { eventually, FILES, HonestReceiver, HonestSender } from './honest-peers.ts';
import { HostileServer, type Relay } from './hostile-server.ts';

let server: HostileServer;
const senders: HonestSender[] = [];
beforeEach(async () => {
  server = await HostileServer.start();
});
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(senders.splice(0).map(({ sharing }) => sharing.close()));
  await server.close();
});

async function startSender(): Promise<HonestSender> {
  const sender = await HonestSender.start(server.url);
  senders.push(sender);
  return sender;
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error as { code?: unknown }).code ?? error,
  );

const LINK = () => `${server.url}#AAAAAAAAAAAAAAAAAAAAAA`;
const CODE = '123-zoo-zoo-zoo';

describe('a malformed answer', () => {
  const malformed: [string, unknown][] = [
    ['nothing', null],
    ['text', 'ok'],
    ['a field too many', { ok: true, members: [], slot: 100, lifetimeMs: 1 }],
    ['members that are none', { ok: true, members: [{ toString: 'x' }] }],
    ['a slot that cannot be', { ok: true, slot: 99, lifetimeMs: 1 }],
    ['a slot that is a name', { ok: true, slot: '100', lifetimeMs: 1 }],
    ['a reason that nobody knows', { ok: false, code: '__proto__' }],
  ];
  test.each(malformed)('%s: neither side goes on with such a server', async (_, answer) => {
    server.onRequest = () => answer;
    expect(await codeOf(HonestSender.start(server.url))).toBe('protocol-violation');
    expect(await new HonestReceiver(server.url, LINK()).outcome()).toBe('protocol-violation');
    expect(await new HonestReceiver(server.url, CODE).outcome()).toBe('protocol-violation');
  });

  test('to a relay ends what is being negotiated', async () => {
    const sender = await startSender();
    server.onRequest = (name, honest) => (name === 'relay' ? { ok: 1 } : honest);
    const receiver = new HonestReceiver(server.url, sender.sharing.link);
    expect(await receiver.outcome()).toBe('protocol-violation');
    expect(receiver.sink.calls).toEqual([]);
  });
});

describe('a refusal', () => {
  const refusals: [string, TransferErrorCode, TransferErrorCode][] = [
    ['rate-limited', 'rate-limited', 'rate-limited'],
    ['server-full', 'server-full', 'server-full'],
    ['unknown-slot', 'wrong-code', 'wrong-code'],
    ['slot-closed', 'code-used', 'code-used'],
    ['room-full', 'room-full', 'code-used'],
    ['room-taken', 'room-taken', 'room-taken'],
    ['malformed', 'server-refused', 'server-refused'],
  ];
  test.each(refusals)('of a join, %s, is by link %s and by code %s', async (code, byLink, byCode) => {
    server.onRequest = (name, honest) => (name === 'join' ? { ok: false, code } : honest);
    expect(await new HonestReceiver(server.url, LINK()).outcome()).toBe(byLink);
    expect(await new HonestReceiver(server.url, CODE).outcome()).toBe(byCode);
  });
});

test.each<[string, TransferErrorCode]>([
  ['closed', 'code-used'],
  ['expired', 'code-used'],
  ['sender-gone', 'sender-gone'],
  ['dismissed', 'connection-lost'],
  ['silent', 'peer-silent'],
  ['replaced', 'room-taken'],
])('a receiver put out of its room for %s ends with %s', async (reason, code) => {
  const receiver = new HonestReceiver(server.url, CODE);
  await eventually(() => expect(server.members('receiver')).toHaveLength(1));
  for (const { room, tell } of server.members('receiver')) tell('room-closed', { room, reason });
  expect(await receiver.outcome()).toBe(code);
});

test('a sender put out of its slot shows no code that leads nowhere, and is still found by its link', async () => {
  const sender = await startSender();
  const slot = sender.code.split('-')[0];
  const own = server.members('sender').find(({ room }) => room === slot);
  own?.tell('room-closed', { room: slot, reason: 'replaced' });
  await eventually(() => expect(sender.codes.at(-1)).toEqual([null, 'expired']));
  expect(await new HonestReceiver(server.url, sender.sharing.link).outcome()).toBe('done');
});

test('members that come and go by hundreds, and say nothing, cost a sender nothing', async () => {
  const sender = await startSender();
  const { room } = server.members('sender')[0] ?? { room: '' };
  for (let i = 0; i < 500; i += 1) server.pose(room, 'receiver', () => {}).leave();
  const receiver = new HonestReceiver(server.url, sender.sharing.link);
  expect(await receiver.outcome()).toBe('done');
});

test('a sender that is said to leave and come all the time while the two meet changes nothing', async () => {
  const sender = await startSender();
  server.onRelay = ({ room, from, to, payload }, pass) => {
    pass();
    if (payload[0] !== MESSAGE_TYPE.accept) return;
    const receiver = server.members('receiver').find(({ id }) => id === to);
    for (let i = 0; i < 10; i += 1) {
      receiver?.tell('member-left', { room, member: from });
      receiver?.tell('member-joined', { room, member: from });
    }
  };
  const receiver = new HonestReceiver(server.url, sender.sharing.link);
  expect(await receiver.outcome()).toBe('done');
  expect(server.relayed.filter(({ payload }) => payload[0] === MESSAGE_TYPE.hello)).toHaveLength(1);
});

describe('ICE servers', () => {
  const config = (...urls: unknown[]) => ({ version: 1, iceServers: [{ urls }] });
  test.each<[string, unknown]>([
    ['no document', 'stun:a'],
    ['another version', { version: 2, iceServers: [] }],
    ['a web page', config('https://example.org/')],
    [
      'a relay nobody asked for',
      { version: 1, iceServers: [{ urls: ['turn:a'], username: 'u', credential: 'p' }] },
    ],
    ['no URL', config()],
    ['more than anybody needs', config(...Array(9).fill('stun:a'))],
    ['a URL that is none', config('stun:a b')],
    ['a number', config(1)],
  ])('that are %s are a violation on both sides', async (_, document) => {
    server.iceConfig = document;
    expect(await codeOf(HonestSender.start(server.url))).toBe('protocol-violation');
    expect(await new HonestReceiver(server.url, LINK()).outcome()).toBe('protocol-violation');
  });

  test.each([
    ['that do not exist', 'stun:nowhere.invalid:3478'],
    ['at a port that cannot be', 'stun:127.0.0.1:99999'],
    ['at a port where nobody is', 'stun:127.0.0.1:9'],
    ['at IPv6', 'stun:[::1]:3478'],
    ['at what is no address', 'stun:[:::::]:1'],
    ['without end', ...Array.from({ length: 8 }, (_, i) => `stun:127.0.0.${i + 1}:9`)],
  ])('%s do not keep two peers on one network apart', async (_, ...urls) => {
    server.iceConfig = config(...urls);
    const sender = await startSender();
    const receiver = new HonestReceiver(server.url, sender.sharing.link);
    expect(await receiver.outcome()).toBe('done');
  });
});

describe('a flood', () => {
  const garbage = () => {
    const messages = [new Uint8Array(1), new Uint8Array(16 * 1024), randomBytes(17), randomBytes(1000)];
    for (const type of Object.values(MESSAGE_TYPE)) messages.push(Uint8Array.of(type, ...randomBytes(60)));
    return messages;
  };

  test('of garbage in a running transfer is nothing to either side', async () => {
    const sender = await startSender();
    const receiver = new HonestReceiver(server.url, sender.sharing.link, {
      onStatus: ({ state }) => {
        if (state !== 'transferring') return;
        const [from] = server.relayed;
        for (let i = 0; i < 200; i += 1)
          for (const payload of garbage()) server.inject(from?.from ?? '', from?.to ?? '', payload);
      },
    });
    expect(await receiver.outcome()).toBe('done');
    expect(receiver.hasSaved(FILES)).toBe(true);
    await eventually(() => expect(sender.outcomes).toEqual(['done']));
  });

  test.each([
    ['of hellos that cost nothing', 77],
    ['of hellos that cost arithmetic', 1],
  ])('%s is answered as fast as the answers leave, and whoever else comes is served', async (_, version) => {
    const sender = await startSender();
    const secret = linkSecret(parseLink(sender.sharing.link).k);
    const { hello } = new ReceiverHandshake(secret, { sid: randomBytes(16), scalar: randomBytes(32) });
    let answers = 0;
    const phantom = server.pose(secret.roomName, 'receiver', () => {
      answers += 1;
    });
    const flood = () => {
      for (let i = 0; i < 500; i += 1) {
        const next = Uint8Array.from(hello);
        next[next.length - 2] = version;
        next.set(randomBytes(16), 1);
        phantom.say(next);
      }
    };
    flood();
    await eventually(() => expect(answers).toBeGreaterThan(0));
    for (const by of ['code', 'link'] as const) {
      flood();
      const receiver = new HonestReceiver(server.url, sender.target(by), { onStatus: flood });
      expect(await receiver.outcome()).toBe('done');
    }
    expect(answers).toBeLessThan(RELAY_BURST);
  });
});

describe('a server that swallows', () => {
  /** Lets the peers come as far as they can, then lets the time pass. */
  async function silenced(swallows: (relay: Relay) => boolean, by: 'link' | 'code', afterMs: number) {
    const sender = await startSender();
    let swallowed = 0;
    server.onRelay = (relay, pass) => {
      if (swallows(relay)) swallowed += 1;
      else pass();
    };
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    const receiver = new HonestReceiver(server.url, sender.target(by));
    await eventually(() => expect(swallowed).toBeGreaterThan(0));
    // Whatever else is on its way arrives before time does.
    for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(afterMs);
    return { sender, receiver, outcome: await receiver.outcome() };
  }

  test.each<[keyof typeof MESSAGE_TYPE, number, TransferErrorCode]>([
    ['hello', HANDSHAKE_TIMEOUT_MS, 'sender-gone'],
    ['reply', HANDSHAKE_TIMEOUT_MS, 'sender-gone'],
    ['confirm', HANDSHAKE_TIMEOUT_MS, 'sender-gone'],
    ['accept', HANDSHAKE_TIMEOUT_MS, 'sender-gone'],
    ['sealed', CONNECT_TIMEOUT_MS, 'no-route'],
  ])('everything from the %s on makes a receiver wait %i ms and find %s', async (type, afterMs, code) => {
    for (const by of ['link', 'code'] as const) {
      const { sender, receiver, outcome } = await silenced(
        ({ payload }) => (payload[0] ?? 0) >= MESSAGE_TYPE[type],
        by,
        afterMs,
      );
      expect(outcome).toBe(code);
      expect(receiver.sink.calls).toEqual([]);
      expect(sender.states.has('waiting')).toBe(false);
      vi.useRealTimers();
    }
  });

  test('the sender of a code makes a receiver wait and find that it is gone', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const receiver = new HonestReceiver(server.url, CODE);
    await eventually(() => expect(receiver.statuses.at(-1)?.state).toBe('waiting'));
    await vi.advanceTimersByTimeAsync(SENDER_TIMEOUT_MS);
    expect(await receiver.outcome()).toBe('sender-gone');
  });

  test.each<RequestName>(['join', 'open-slot'])('a %s is unreachable', async (name) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let asked = 0;
    server.onRequest = (request, honest) => {
      if (request === name) asked += 1;
      return request === name ? undefined : honest;
    };
    const starting =
      name === 'join'
        ? new HonestReceiver(server.url, LINK()).outcome()
        : codeOf(HonestSender.start(server.url));
    await eventually(() => expect(asked).toBeGreaterThan(0));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await starting).toBe('server-unreachable');
  });
});
