import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { KNOCK_PATH, MAX_PAYLOAD_BYTES, SIGNALING_VERSION } from '#protocol/signaling.ts';
import { RawClient, randomToken, startServer } from './server-harness.ts';

const spell = (text: string) => Buffer.from(text).toString('base64url');

/** One who knocks, and what it is told. */
class Visitor {
  readonly #events: unknown[] = [];
  readonly #request: ClientRequest;
  #wake = () => {};
  ended = false;

  constructor(url: string, body: unknown, headers: Record<string, string> = {}) {
    this.#request = httpRequest(new URL(KNOCK_PATH, url), { method: 'POST', headers }, (response) => {
      void this.#read(response);
    });
    this.#request.on('error', () => {});
    this.#request.end(typeof body === 'string' ? body : JSON.stringify(body));
    onTestFinished(() => this.leave());
  }

  /** The next event; a status that is none where the request was refused; null at the end. */
  async next(): Promise<unknown> {
    while (this.#events.length === 0) {
      if (this.ended) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#events.shift();
  }

  leave(): void {
    this.#request.destroy();
  }

  async #read(response: IncomingMessage): Promise<void> {
    if (response.statusCode !== 200) this.#events.push(response.statusCode);
    let text = '';
    try {
      for await (const chunk of response.setEncoding('utf8')) {
        text += chunk;
        const parts = text.split('\n\n');
        text = parts.pop() ?? '';
        for (const part of parts) this.#events.push(JSON.parse(part.replace(/^data: /, '')));
        this.#wake();
      }
    } catch {
      // Left, or cut.
    }
    this.ended = true;
    this.#wake();
  }
}

const knock = (room: string, payload = spell('hello')) => ({ version: SIGNALING_VERSION, room, payload });

async function post(url: string, stay: string, body: unknown): Promise<[number, unknown]> {
  const response = await fetch(new URL(`${KNOCK_PATH}/${stay}`, url), {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return [response.status, text === '' ? null : JSON.parse(text)];
}

async function senderIn(url: string, room: string, claim = randomToken()): Promise<RawClient> {
  const sender = await RawClient.connect(url);
  expect(await sender.ask('join', { role: 'sender', room, claim })).toMatchObject({ ok: true });
  return sender;
}

/** One who has come in: its stay's name, and the sender's for it. */
async function comeIn(url: string, sender: RawClient, room: string) {
  const visitor = new Visitor(url, knock(room));
  const answer = (await visitor.next()) as { ok: boolean; stay: string; iceServers: unknown };
  expect(answer.iceServers).toEqual([{ urls: ['stun:127.0.0.1:3478'] }]);
  const joined = await sender.next();
  expect(joined).toMatchObject({ name: 'member-joined' });
  const member = joined.body['member'] as string;
  const said = await sender.next();
  expect(said).toMatchObject({ name: 'relay', body: { room, from: member } });
  expect(Buffer.from(said.body['payload'] as Uint8Array).toString()).toBe('hello');
  return { visitor, stay: answer.stay, member };
}

test('who knocks is in the room with its first message, hears the sender, and says more', async () => {
  const { url } = await startServer();
  const room = randomToken();
  const sender = await senderIn(url, room);
  const { visitor, stay, member } = await comeIn(url, sender, room);
  expect(stay).toMatch(/^[A-Za-z0-9_-]{21}[AQgw]$/);
  for (const text of ['one', 'two'])
    expect(await sender.ask('relay', { room, to: member, payload: Buffer.from(text) })).toEqual({ ok: true });
  expect([await visitor.next(), await visitor.next()]).toEqual([
    { payload: spell('one') },
    { payload: spell('two') },
  ]);
  const more = { payloads: [spell('three'), spell('four')] };
  expect(await post(url, stay, more)).toEqual([200, { ok: true }]);
  const heard = [await sender.next(), await sender.next()];
  expect(heard.map(({ body }) => Buffer.from(body['payload'] as Uint8Array).toString())).toEqual([
    'three',
    'four',
  ]);
  visitor.leave();
  expect(await sender.next()).toMatchObject({ name: 'member-left', body: { member } });
  expect(await post(url, stay, more)).toEqual([404, null]);
});

test('where no sender is nobody waits, and no room comes into being', async () => {
  const { url } = await startServer();
  const visitor = new Visitor(url, knock(randomToken()));
  expect([await visitor.next(), await visitor.next()]).toEqual([{ ok: false, code: 'member-gone' }, null]);
  expect(await (await fetch(`${url}healthz`)).json()).toMatchObject({ rooms: 0, members: 0 });
});

test('a stay ends with its sender, whoever comes in its place', async () => {
  const { url } = await startServer();
  const [room, claim] = [randomToken(), randomToken()];
  const sender = await senderIn(url, room, claim);
  const { visitor, stay } = await comeIn(url, sender, room);
  const next = await senderIn(url, room, claim);
  expect(await visitor.next()).toBeNull();
  expect(await post(url, stay, { payloads: [spell('late')] })).toEqual([404, null]);
  expect(next.told.filter(({ name }) => name === 'relay')).toEqual([]);
});

test('a sender puts out whom it does not want', async () => {
  const { url } = await startServer();
  const room = randomToken();
  const sender = await senderIn(url, room);
  const { visitor, member } = await comeIn(url, sender, room);
  expect(await sender.ask('dismiss', { room, member })).toEqual({ ok: true });
  expect(await visitor.next()).toBeNull();
});

test('a handshake that takes too long is over', async () => {
  const { url } = await startServer({ limits: { idleMs: 50 } });
  const room = randomToken();
  const { visitor } = await comeIn(url, await senderIn(url, room), room);
  expect(await visitor.next()).toBeNull();
});

test('the page of another site does not get in', async () => {
  const { url } = await startServer();
  const room = randomToken();
  const sender = await senderIn(url, room);
  const visitor = new Visitor(url, knock(room), { Origin: 'https://elsewhere.example' });
  expect(await visitor.next()).toBe(403);
  expect(sender.told).toEqual([]);
});

test.each<[string, (room: string) => unknown]>([
  ['no JSON', () => 'hello'],
  ['another version', (room) => ({ ...knock(room), version: SIGNALING_VERSION + 1 })],
  ['a field that nobody asked for', (room) => ({ ...knock(room), role: 'sender' })],
  ['a slot in place of a room', () => knock('2112')],
  ['an empty payload', (room) => knock(room, '')],
  ['a payload that is no base64url', (room) => knock(room, 'a+b/')],
  [
    'a payload that is too long',
    (room) => knock(room, Buffer.alloc(MAX_PAYLOAD_BYTES + 1).toString('base64url')),
  ],
  ['a body that is too long', () => ' '.repeat(100_000)],
])('%s is refused', async (_, bodyFor) => {
  const { url } = await startServer();
  const room = randomToken();
  const sender = await senderIn(url, room);
  expect(await new Visitor(url, bodyFor(room)).next()).toBe(400);
  expect(sender.told).toEqual([]);
});

test('an unknown stay, and what is no message, are refused', async () => {
  const { url } = await startServer();
  const room = randomToken();
  const sender = await senderIn(url, room);
  const { stay } = await comeIn(url, sender, room);
  expect(await post(url, randomToken(), { payloads: [spell('x')] })).toEqual([404, null]);
  for (const body of ['', { payloads: [] }, { payloads: Array(5).fill(spell('x')) }, { payloads: ['+'] }])
    expect(await post(url, stay, body)).toEqual([400, null]);
  expect(sender.told).toEqual([]);
});

test('who knocks is counted like every other connection of its address', async () => {
  const { url } = await startServer({ limits: { socketsPerAddress: 2 } });
  const room = randomToken();
  const sender = await senderIn(url, room);
  const { visitor, member } = await comeIn(url, sender, room);
  expect(await new Visitor(url, knock(room)).next()).toBe(429);
  visitor.leave();
  expect(await sender.next()).toMatchObject({ name: 'member-left', body: { member } });
  await comeIn(url, sender, room);
});

test('joins of one address are bounded, however it comes', async () => {
  const { url } = await startServer({ limits: { joins: { burst: 2, perSecond: 0 } } });
  const room = randomToken();
  const sender = await senderIn(url, room);
  await comeIn(url, sender, room);
  const visitor = new Visitor(url, knock(room));
  expect([await visitor.next(), await visitor.next()]).toEqual([{ ok: false, code: 'rate-limited' }, null]);
});

test('what one who knocks may say is bounded', async () => {
  const { url } = await startServer({ limits: { requests: { burst: 3, perSecond: 0 } } });
  const room = randomToken();
  const sender = await senderIn(url, room);
  // The join and the sender's answers are its own; the first message counts.
  const { stay } = await comeIn(url, sender, room);
  const payloads = [spell('1'), spell('2'), spell('3')];
  expect(await post(url, stay, { payloads })).toEqual([200, { ok: false, code: 'rate-limited' }]);
});

test('who does not read is cut off', async () => {
  const { url, port } = await startServer({ limits: { requests: { burst: 5_000, perSecond: 0 } } });
  const room = randomToken();
  const sender = await senderIn(url, room);
  const line = connect(port, '127.0.0.1');
  onTestFinished(() => void line.destroy());
  line.on('error', () => {});
  const body = JSON.stringify(knock(room));
  line.write(`POST /${KNOCK_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  line.pause();
  const { member } = (await sender.next()).body;
  const payload = Buffer.alloc(MAX_PAYLOAD_BYTES);
  let sent = 0;
  while ((await sender.ask('relay', { room, to: member, payload }))['ok']) sent += 1;
  // Some megabytes are with the kernels; it ends long before the sender's own bounds do.
  expect(sent).toBeLessThan(4_000);
  await expect.poll(() => sender.told.at(-1)).toMatchObject({ name: 'member-left', body: { member } });
}, 60_000);
