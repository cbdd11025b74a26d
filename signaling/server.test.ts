import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { MAX_PAYLOAD_BYTES, MAX_RECEIVERS } from '#protocol/signaling.ts';
import { RawClient, randomToken, startServer } from './server-harness.ts';

/** For what happens by itself; never waited for in full. */
const PATIENT = { timeout: 15_000 };
const OK = { ok: true };
const refused = (code: string) => ({ ok: false, code });

async function openSlot(url: string) {
  const sender = await RawClient.connect(url);
  const claim = randomToken();
  const reply = await sender.ask('open-slot', { claim });
  return { sender, claim, room: String(reply['slot']), reply };
}

async function joined(url: string, role: 'sender' | 'receiver', room: string, claim = randomToken()) {
  const client = await RawClient.connect(url);
  const reply = await client.ask('join', { role, room, claim });
  return { client, claim, reply, members: reply['members'] as string[] };
}

async function members(url: string): Promise<number> {
  return (await (await fetch(`${url}healthz`)).json()).members;
}

/** Lets the time pass that a silent receiver may stay, counted from now. */
async function silenced(url: string): Promise<void> {
  const { room } = await openSlot(url);
  const { client } = await joined(url, 'receiver', room);
  expect(await client.next()).toMatchObject({ name: 'room-closed', body: { reason: 'silent' } });
}

describe('a link room', () => {
  test('brings its sender together with many receivers, who do not see each other', async () => {
    const { url } = await startServer();
    const room = randomToken();
    const sender = await joined(url, 'sender', room);
    expect(sender.reply).toEqual({ ok: true, members: [] });
    const one = await joined(url, 'receiver', room);
    const { body: first } = await sender.client.next();
    const two = await joined(url, 'receiver', room);
    const { name, body: second } = await sender.client.next();
    expect(name).toBe('member-joined');
    expect(one.members).toEqual(two.members);
    expect(first['member']).not.toBe(second['member']);

    const [senderId] = one.members;
    const up = randomBytes(MAX_PAYLOAD_BYTES);
    expect(await one.client.ask('relay', { room, to: senderId, payload: up })).toEqual(OK);
    expect(await sender.client.next()).toEqual({
      name: 'relay',
      body: { room, from: first['member'], payload: up },
    });
    const down = randomBytes(1);
    expect(await sender.client.ask('relay', { room, to: second['member'], payload: down })).toEqual(OK);
    expect(await two.client.next()).toEqual({ name: 'relay', body: { room, from: senderId, payload: down } });
    expect(one.client.told).toEqual([]);
  });

  test('lets a receiver wait for its sender', async () => {
    const { url } = await startServer();
    const room = randomToken();
    const receiver = await joined(url, 'receiver', room);
    expect(receiver.members).toEqual([]);
    const sender = await joined(url, 'sender', room);
    expect(sender.members).toHaveLength(1);
    const { name, body } = await receiver.client.next();
    expect(name).toBe('member-joined');
    expect(
      await receiver.client.ask('relay', { room, to: body['member'], payload: Buffer.from('a') }),
    ).toEqual(OK);
  });

  test('has one sender, unless it shows the same claim', async () => {
    const { url } = await startServer();
    const room = randomToken();
    const old = await joined(url, 'sender', room);
    const receiver = await joined(url, 'receiver', room);
    expect((await joined(url, 'sender', room)).reply).toEqual(refused('room-taken'));

    const back = await joined(url, 'sender', room, old.claim);
    expect(back.members).toHaveLength(1);
    expect(await old.client.next()).toMatchObject({ name: 'member-joined' });
    expect(await old.client.next()).toEqual({ name: 'room-closed', body: { room, reason: 'replaced' } });
    expect(await receiver.client.next()).toEqual({
      name: 'member-left',
      body: { room, member: receiver.members[0] },
    });
    const { name, body } = await receiver.client.next();
    expect(name).toBe('member-joined');
    expect(body['member']).not.toBe(receiver.members[0]);
    // What was meant for the connection before does not reach the new one.
    const stale = { room, to: receiver.members[0], payload: Buffer.from('a') };
    expect(await receiver.client.ask('relay', stale)).toEqual(refused('member-gone'));
    expect(await old.client.ask('leave', { room })).toEqual(refused('not-joined'));
  });

  test('is kept for a sender whose connection was lost', async () => {
    const { url } = await startServer();
    const room = randomToken();
    const sender = await joined(url, 'sender', room);
    const receiver = await joined(url, 'receiver', room);
    sender.client.cut();
    expect(await receiver.client.next()).toMatchObject({ name: 'member-left' });
    expect((await joined(url, 'sender', room)).reply).toEqual(refused('room-taken'));
    expect((await joined(url, 'sender', room, sender.claim)).members).toHaveLength(1);
  });

  test('is kept for a while only', async () => {
    const { url } = await startServer({ limits: { senderGraceMs: 50 } });
    const room = randomToken();
    (await joined(url, 'sender', room)).client.cut();
    await expect.poll(async () => (await joined(url, 'sender', room)).reply['ok'], PATIENT).toBe(true);
  });

  test('is free at once when its sender leaves for good', async () => {
    const { url } = await startServer();
    const room = randomToken();
    const sender = await joined(url, 'sender', room);
    expect(await sender.client.ask('leave', { room })).toEqual(OK);
    const other = await joined(url, 'sender', room);
    expect(other.reply['ok']).toBe(true);
    other.client.socket.disconnect();
    await expect.poll(async () => (await joined(url, 'sender', room)).reply['ok'], PATIENT).toBe(true);
  });

  test('lets its sender, and nobody else, put a receiver out', async () => {
    const { url } = await startServer();
    const room = randomToken();
    const sender = await joined(url, 'sender', room);
    const one = await joined(url, 'receiver', room);
    const two = await joined(url, 'receiver', room);
    const { body: first } = await sender.client.next();
    const { body: second } = await sender.client.next();
    for (const member of [second['member'], one.members[0]]) {
      expect(await one.client.ask('dismiss', { room, member })).toEqual(refused('member-gone'));
    }
    expect(await sender.client.ask('dismiss', { room, member: first['member'] })).toEqual(OK);
    expect(await one.client.next()).toEqual({ name: 'room-closed', body: { room, reason: 'dismissed' } });
    const relay = { room, to: one.members[0], payload: Buffer.from('a') };
    expect(await one.client.ask('relay', relay)).toEqual(refused('not-joined'));
    expect(await two.client.ask('relay', relay)).toEqual(OK);
    expect(await sender.client.next()).toMatchObject({ name: 'relay', body: { from: second['member'] } });
  });

  test('takes a bounded number of receivers, and no place twice for one of them', async () => {
    const { url } = await startServer();
    const room = randomToken();
    const sender = await joined(url, 'sender', room);
    const receivers = [];
    for (let count = 0; count < MAX_RECEIVERS; count += 1)
      receivers.push(await joined(url, 'receiver', room));
    expect((await joined(url, 'receiver', room)).reply).toEqual(refused('room-full'));
    const [first] = receivers;
    expect((await joined(url, 'receiver', room, first?.claim)).reply['ok']).toBe(true);
    expect(await first?.client.next()).toMatchObject({ name: 'room-closed', body: { reason: 'replaced' } });
    for (let count = 0; count < MAX_RECEIVERS; count += 1) await sender.client.next();
    expect(await sender.client.next()).toMatchObject({ name: 'member-left' });
    expect(await sender.client.next()).toMatchObject({ name: 'member-joined' });
  });

  test('is used up by nothing: whoever opens a page and goes leaves no trace', async () => {
    const server = await startServer();
    const room = randomToken();
    const sender = await joined(server.url, 'sender', room);
    for (let visit = 0; visit < 5; visit += 1) {
      const bot = await joined(server.url, 'receiver', room);
      bot.client.cut();
      expect(await sender.client.next()).toMatchObject({ name: 'member-joined' });
      expect(await sender.client.next()).toMatchObject({ name: 'member-left' });
    }
    expect((await joined(server.url, 'receiver', room)).members).toHaveLength(1);
  });

  test('lets a receiver stay that says nothing', async () => {
    const { url } = await startServer({ limits: { firstRelayMs: 50 } });
    const room = randomToken();
    await joined(url, 'sender', room);
    const { client } = await joined(url, 'receiver', room);
    await silenced(url);
    expect(client.told).toEqual([]);
  });

  test('is forgotten with its last receiver', async () => {
    const server = await startServer();
    const { client } = await joined(server.url, 'receiver', randomToken());
    expect(await members(server.url)).toBe(1);
    client.cut();
    await expect.poll(() => members(server.url), PATIENT).toBe(0);
    const { rooms } = await (await fetch(`${server.url}healthz`)).json();
    expect(rooms).toBe(0);
  });
});

describe('a code room', () => {
  test('is opened by the server on a random slot', async () => {
    const { url } = await startServer();
    const { reply } = await openSlot(url);
    expect(reply).toMatchObject({ ok: true, lifetimeMs: 30 * 60_000 });
    expect(reply['slot']).toBeGreaterThanOrEqual(100);
    expect(reply['slot']).toBeLessThanOrEqual(9999);
    expect((await openSlot(url)).room).not.toBe(String(reply['slot']));
  });

  test('has one receiver at a time', async () => {
    const { url } = await startServer();
    const { sender, room } = await openSlot(url);
    const one = await joined(url, 'receiver', room);
    expect(one.members).toHaveLength(1);
    const { body } = await sender.next();
    expect((await joined(url, 'receiver', room)).reply).toEqual(refused('room-full'));
    expect(await sender.ask('dismiss', { room, member: body['member'] })).toEqual(OK);
    expect((await joined(url, 'receiver', room)).reply['ok']).toBe(true);
  });

  test('cannot be made by joining it, nor taken by another sender', async () => {
    const { url } = await startServer();
    const { room } = await openSlot(url);
    expect((await joined(url, 'sender', room)).reply).toEqual(refused('room-taken'));
    const unknown = room === '4711' ? '4712' : '4711';
    expect((await joined(url, 'sender', unknown)).reply).toEqual(refused('unknown-slot'));
    expect((await joined(url, 'receiver', unknown)).reply).toEqual(refused('unknown-slot'));
  });

  test('waits for a sender whose connection was lost', async () => {
    const { url } = await startServer();
    const { sender, claim, room } = await openSlot(url);
    const receiver = await joined(url, 'receiver', room);
    sender.cut();
    expect(await receiver.client.next()).toMatchObject({ name: 'member-left' });
    expect((await joined(url, 'sender', room, claim)).members).toHaveLength(1);
    expect(await receiver.client.next()).toMatchObject({ name: 'member-joined' });
  });

  test('ends when that sender stays away', async () => {
    const { url } = await startServer({ limits: { senderGraceMs: 50 } });
    const { sender, room } = await openSlot(url);
    const receiver = await joined(url, 'receiver', room);
    sender.cut();
    expect(await receiver.client.next()).toMatchObject({ name: 'member-left' });
    expect(await receiver.client.next()).toEqual({
      name: 'room-closed',
      body: { room, reason: 'sender-gone' },
    });
  });

  test('ends when its sender leaves, and its slot rests', async () => {
    const { url } = await startServer();
    const { sender, claim, room } = await openSlot(url);
    const receiver = await joined(url, 'receiver', room);
    expect(await sender.ask('leave', { room })).toEqual(OK);
    expect(await receiver.client.next()).toMatchObject({ name: 'member-left' });
    expect(await receiver.client.next()).toEqual({ name: 'room-closed', body: { room, reason: 'closed' } });
    expect((await joined(url, 'receiver', room)).reply).toEqual(refused('slot-closed'));
    expect((await joined(url, 'sender', room, claim)).reply).toEqual(refused('slot-closed'));
  });

  test('expires', async () => {
    const { url } = await startServer({ limits: { slotLifetimeMs: 50 } });
    const { sender, room } = await openSlot(url);
    expect(await sender.next()).toEqual({ name: 'room-closed', body: { room, reason: 'expired' } });
    expect((await joined(url, 'receiver', room)).reply).toEqual(refused('slot-closed'));
  });

  test('puts out a receiver that says nothing', async () => {
    const { url } = await startServer({ limits: { firstRelayMs: 50 } });
    const { sender, room } = await openSlot(url);
    const receiver = await joined(url, 'receiver', room);
    expect(await receiver.client.next()).toEqual({ name: 'room-closed', body: { room, reason: 'silent' } });
    expect(await sender.next()).toMatchObject({ name: 'member-joined' });
    expect(await sender.next()).toMatchObject({ name: 'member-left' });
    expect((await joined(url, 'receiver', room)).reply['ok']).toBe(true);
  });

  test('lets one stay that relays', async () => {
    const { url } = await startServer({ limits: { firstRelayMs: 200 } });
    const { room } = await openSlot(url);
    const talker = await joined(url, 'receiver', room);
    const relay = { room, to: talker.members[0], payload: Buffer.from('a') };
    expect(await talker.client.ask('relay', relay)).toEqual(OK);
    await silenced(url);
    expect(await talker.client.ask('relay', relay)).toEqual(OK);
  });

  test('puts out one that has fallen silent', async () => {
    const { url } = await startServer({ limits: { idleMs: 50 } });
    const { room } = await openSlot(url);
    const { client, members } = await joined(url, 'receiver', room);
    expect(await client.ask('relay', { room, to: members[0], payload: Buffer.from('a') })).toEqual(OK);
    expect(await client.next()).toMatchObject({ name: 'room-closed', body: { reason: 'silent' } });
  });

  test('does not count the time during which its sender is away', async () => {
    const { url } = await startServer({ limits: { firstRelayMs: 50 } });
    const { sender, claim, room } = await openSlot(url);
    sender.cut();
    await expect.poll(() => members(url), PATIENT).toBe(0);
    const { client } = await joined(url, 'receiver', room);
    await silenced(url);
    expect(client.told).toEqual([]);
    await joined(url, 'sender', room, claim);
    expect(await client.next()).toMatchObject({ name: 'member-joined' });
    expect(await client.next()).toMatchObject({ name: 'room-closed', body: { reason: 'silent' } });
  });
});

describe('members', () => {
  test('cannot be forged: only those whom one sees can be named, only rooms one is in', async () => {
    const { url } = await startServer();
    const room = randomToken();
    const sender = await joined(url, 'sender', room);
    const one = await joined(url, 'receiver', room);
    await joined(url, 'receiver', room);
    const { body: first } = await sender.client.next();
    const { body: second } = await sender.client.next();
    const payload = Buffer.from('a');
    // A receiver names another one, itself, and somebody invented.
    for (const to of [second['member'], first['member'], 'AAAAAAAAAAAAAAAA']) {
      expect(await one.client.ask('relay', { room, to, payload })).toEqual(refused('member-gone'));
    }
    // A sender names itself.
    const self = { room, to: one.members[0], payload };
    expect(await sender.client.ask('relay', self)).toEqual(refused('member-gone'));
    // Someone outside knows every name.
    const outsider = await RawClient.connect(url);
    for (const [event, body] of [
      ['relay', { room, to: first['member'], payload }],
      ['dismiss', { room, member: first['member'] }],
      ['leave', { room }],
    ] as const) {
      expect(await outsider.ask(event, body)).toEqual(refused('not-joined'));
    }
    // A sender says who it is: the field does not exist.
    const forged = { room, to: first['member'], from: second['member'], payload };
    expect(await sender.client.ask('relay', forged)).toEqual(refused('malformed'));
  });

  test('get a new name for every stay', async () => {
    const { url } = await startServer();
    const room = randomToken();
    const sender = await joined(url, 'sender', room);
    const client = await RawClient.connect(url);
    const names = new Set();
    for (let stay = 0; stay < 3; stay += 1) {
      await client.ask('join', { role: 'receiver', room, claim: randomToken() });
      names.add((await sender.client.next()).body['member']);
      await client.ask('leave', { room });
      await sender.client.next();
    }
    expect(names.size).toBe(3);
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]{16}$/);
  });

  test('join again on the same connection without a trace of the stay before', async () => {
    const { url } = await startServer();
    const room = randomToken();
    const claim = randomToken();
    const client = await RawClient.connect(url);
    const join = { role: 'sender', room, claim };
    expect(await client.ask('join', join)).toEqual({ ok: true, members: [] });
    expect(await client.ask('join', join)).toEqual({ ok: true, members: [] });
    expect(await client.ask('join', { ...join, role: 'receiver' })).toEqual({ ok: true, members: [] });
    expect(client.told).toEqual([]);
  });
});

test('the server keeps no claim, only its hash', async () => {
  const { url } = await startServer();
  const room = randomToken();
  const { claim } = await joined(url, 'sender', room);
  const digest = createHash('sha256').update(claim).digest('base64url');
  // Showing the hash, cut to a claim's shape, is not showing the claim.
  const shaped = `${digest.slice(0, 21)}A`;
  expect((await joined(url, 'sender', room, shaped)).reply).toEqual(refused('room-taken'));
});
