import fc from 'fast-check';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { type RequestName, requests } from '#protocol/signaling.ts';
import { RawClient, randomToken, startServer } from './server-harness.ts';

const boundless = { burst: 1e9, perSecond: 1e9 };
const limits = {
  packets: boundless,
  requests: boundless,
  offences: boundless,
  connections: boundless,
  joins: boundless,
  slots: boundless,
  rooms: 1e6,
  roomsPerAddress: 1e6,
  roomsPerSocket: 1e6,
};

/** A room with two in it, who must hear of nothing that a stranger tries. */
async function startWatched() {
  const { url } = await startServer({ limits });
  const room = randomToken();
  const sender = await RawClient.connect(url);
  await sender.ask('join', { role: 'sender', room, claim: randomToken() });
  const receiver = await RawClient.connect(url);
  const { members } = await receiver.ask('join', { role: 'receiver', room, claim: randomToken() });
  await sender.next();
  const [senderId] = members as string[];
  const assertUnharmed = async () => {
    const relay = { room, to: senderId, payload: Buffer.from('still here') };
    expect(await receiver.ask('relay', relay)).toEqual({ ok: true });
    expect(await sender.next()).toMatchObject({ name: 'relay' });
    expect([sender.told, receiver.told]).toEqual([[], []]);
  };
  return { url, room, senderId, assertUnharmed };
}

const names = Object.keys(requests) as RequestName[];
const isName = (name: string): name is RequestName => Object.hasOwn(requests, name);
/** Socket.IO keeps these for itself and cuts who sends them: the raw frames below try them. */
const RESERVED = ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'];
const bytes = fc.uint8Array({ maxLength: 100 }).map((array) => Buffer.from(array));
const anything = fc.oneof(
  fc.jsonValue(),
  bytes,
  fc.constantFrom(
    '',
    '__proto__',
    { toString: 1 },
    [],
    {},
    'A'.repeat(22),
    `${'A'.repeat(21)}B`,
    '100',
    '099',
  ),
);

test('whatever is asked: what the contract refuses is malformed, and nobody else hears of it', async () => {
  const { url, room, senderId, assertUnharmed } = await startWatched();
  const stranger = await RawClient.connect(url);
  /** Mostly right, so that the wrong ones are reached. A stranger's valid join as sender meets another's claim. */
  const right: Record<string, fc.Arbitrary<unknown>> = {
    role: fc.constant('sender'),
    room: fc.constant(room),
    claim: fc.constant(randomToken()),
    to: fc.constant(senderId),
    member: fc.constant(senderId),
    payload: fc.constant(Buffer.from('x')),
  };
  const nearlyRight = Object.fromEntries(
    Object.entries(right).map(([field, value]) => [
      field,
      fc.oneof({ weight: 6, arbitrary: value }, { weight: 1, arbitrary: anything }),
    ]),
  );
  const request = fc.oneof(
    ...names.map((name) => {
      const all = Object.keys(requests[name].body.entries);
      const fields = fc.oneof({ weight: 3, arbitrary: fc.constant(all) }, fc.subarray(all));
      const body = fields.chain((chosen) =>
        fc.record(
          Object.fromEntries([...chosen, 'extra'].map((field) => [field, nearlyRight[field] ?? anything])),
          {
            requiredKeys: chosen,
          },
        ),
      );
      return fc.tuple(fc.constant<string>(name), fc.oneof({ weight: 4, arbitrary: body }, anything));
    }),
    fc.tuple(
      fc.oneof(
        fc.constant('error'),
        fc.string({ minLength: 1 }).filter((name) => !RESERVED.includes(name)),
      ),
      anything,
    ),
  );
  const seen = new Set<unknown>();
  await fc.assert(
    fc.asyncProperty(request, async ([name, body]) => {
      const reply = await stranger.ask(name, body);
      seen.add(reply['code'] ?? 'ok');
      if (isName(name) && v.is(requests[name].body, body)) {
        expect(reply['code']).not.toBe('malformed');
        expect(v.is(requests[name].reply, reply)).toBe(true);
      } else expect(reply).toEqual({ ok: false, code: 'malformed' });
    }),
    { numRuns: 600 },
  );
  await assertUnharmed();
  // The generator reaches past the schemas.
  expect([...seen]).toEqual(expect.arrayContaining(['ok', 'malformed', 'room-taken', 'not-joined']));
});

test('whatever stands in a frame, the server goes on', async () => {
  const { url, assertUnharmed } = await startWatched();
  const type = (types: string[]) => fc.constantFrom(...types);
  const engineTypes = ['', '0', '1', '2', '3', '4', '5', '6', 'b'];
  const socketTypes = ['40', '41', '42', '43', '44', '45', '46', '47'];
  const frame = fc.oneof(
    fc.tuple(type(engineTypes), fc.string()).map((parts) => parts.join('')),
    fc.tuple(type(socketTypes), fc.string()).map((parts) => parts.join('')),
    fc.tuple(type(socketTypes), fc.nat(20), fc.json()).map((parts) => parts.join('')),
    fc.constantFrom(...RESERVED, 'error').map((name) => `420["${name}"]`),
    // Attachments that never come, too many of them, and placeholders that point nowhere.
    fc.constantFrom(
      '451-0["relay",{"payload":{"_placeholder":true,"num":0}}]',
      '451-0["relay",{"payload":{"_placeholder":true,"num":7}}]',
      '451-0["relay",{"payload":{"_placeholder":true,"num":"__proto__"}}]',
      '451-0["relay",{"payload":{"_placeholder":true,"num":-1}}]',
      '45999999-0["relay",{}]',
      '45-1-["relay",{}]',
      '40/admin,',
      '40{"version":2}',
      `420["join",${'['.repeat(20_000)}${']'.repeat(20_000)}]`,
      `451-0["join",${'['.repeat(20_000)}${']'.repeat(20_000)}]`,
      '42',
      '420[]',
      '420[1]',
      '420[null,{}]',
      '42999999999999999999["join",{}]',
    ),
    bytes,
  );
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 5 }), async (frames) => {
      const stranger = await RawClient.connect(url);
      // Below Socket.IO and Engine.IO: what is written is what the server reads.
      const { ws } = stranger.socket.io.engine.transport as unknown as { ws: WebSocket };
      for (const sent of frames) ws.send(sent);
      ws.close();
    }),
    { numRuns: 100 },
  );
  await assertUnharmed();
});
