import { base64urlnopad } from '@scure/base';
import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import {
  Hello,
  IceConfig,
  KnockAnswer,
  KnockMessages,
  KnockRelay,
  KnockRequest,
  MAX_KNOCK_PAYLOADS,
  MAX_PAYLOAD_BYTES,
  MAX_RECEIVERS,
  notices,
  RoomName,
  requests,
  SIGNALING_VERSION,
  spellPayload,
} from './signaling.ts';

const token = base64urlnopad.encode(new Uint8Array(16));
const member = 'AAAAAAAAAAAAAAAA';
const payload = new Uint8Array([1, 2, 3]);

describe('a room name', () => {
  test('is any 16 bytes in base64url, or any slot', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        expect(v.is(RoomName, base64urlnopad.encode(bytes))).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 999_999 }), (slot) => {
        expect(v.is(RoomName, String(slot))).toBe(true);
      }),
    );
  });

  test.each([
    ['another spelling of the same bytes', `${token.slice(0, 21)}B`],
    ['padding', `${token}==`],
    ['the other alphabet', `${token.slice(0, 20)}+A`],
    ['too short', token.slice(1)],
    ['too long', `A${token}`],
    ['two digits', '99'],
    ['seven digits', '1000000'],
    ['a leading zero', '0100'],
    ['a sign', '+100'],
    ['other digits', '٤٧١١'],
    ['a line after it', `${token}\n`],
    ['nothing', ''],
    ['a number', 4711],
  ])('is not %s', (_, name) => {
    expect(v.is(RoomName, name)).toBe(false);
  });
});

describe('a payload', () => {
  const relay = (body: unknown) =>
    v.safeParse(requests.relay.body, { room: token, to: member, payload: body });

  test('is bytes in any shape that Socket.IO yields, and becomes bytes of its own', () => {
    const pool = new Uint8Array([9, 1, 2, 3, 9]);
    for (const shape of [payload, pool.subarray(1, 4), Buffer.from(payload), payload.slice().buffer]) {
      const { success, output } = relay(shape);
      if (!success) throw new Error('refused');
      expect(output.payload).toEqual(payload);
      expect(output.payload.constructor).toBe(Uint8Array);
      expect(output.payload.buffer.byteLength).toBe(3);
    }
  });

  test('has one byte at least, and a bound', () => {
    expect(relay(new Uint8Array(1)).success).toBe(true);
    expect(relay(new Uint8Array(MAX_PAYLOAD_BYTES)).success).toBe(true);
    expect(relay(new Uint8Array(0)).success).toBe(false);
    expect(relay(new Uint8Array(MAX_PAYLOAD_BYTES + 1)).success).toBe(false);
    expect(relay(new ArrayBuffer(MAX_PAYLOAD_BYTES + 1)).success).toBe(false);
  });

  test.each([
    ['text'],
    [[1, 2]],
    [{ type: 'Buffer', data: [1] }],
    [{ length: 1, 0: 1 }],
    [null],
    [new Uint16Array(1)],
  ])('is not %j', (body) => {
    expect(relay(body).success).toBe(false);
  });
});

/** One right value for every schema of the contract. */
const right: [string, v.GenericSchema, Record<string, unknown>][] = [
  ['hello', Hello, { version: SIGNALING_VERSION }],
  ['join', requests.join.body, { role: 'sender', room: token, claim: token }],
  ['join to a slot', requests.join.body, { role: 'receiver', room: '4711', claim: token }],
  ['join answered', requests.join.reply, { ok: true, members: [member] }],
  ['join refused', requests.join.reply, { ok: false, code: 'room-taken' }],
  ['open-slot', requests['open-slot'].body, { claim: token }],
  ['open-slot answered', requests['open-slot'].reply, { ok: true, slot: 4711, lifetimeMs: 1000 }],
  ['relay', requests.relay.body, { room: token, to: member, payload }],
  ['relay answered', requests.relay.reply, { ok: true }],
  ['dismiss', requests.dismiss.body, { room: token, member }],
  ['leave', requests.leave.body, { room: '4711' }],
  ['member-joined', notices['member-joined'], { room: token, member }],
  ['member-left', notices['member-left'], { room: token, member }],
  ['relayed', notices.relay, { room: token, from: member, payload }],
  ['room-closed', notices['room-closed'], { room: token, reason: 'expired' }],
  ['knock answered', KnockAnswer, { ok: true, stay: token, iceServers: [{ urls: ['stun:host'] }] }],
  ['knock refused', KnockAnswer, { ok: false, code: 'member-gone' }],
  ['ICE config', IceConfig, { version: 1, iceServers: [{ urls: ['stun:[::1]:3478'] }] }],
];

describe.each(right)('%s', (_, schema, value) => {
  test('is taken as it is', () => {
    expect(v.parse(schema, value)).toEqual(value);
  });

  test('must have each of its fields, right, and no other', () => {
    for (const field of Object.keys(value)) {
      const { [field]: removed, ...rest } = value;
      expect(v.is(schema, rest)).toBe(false);
      for (const wrong of [null, undefined, {}, [removed], '', -1, Number.NaN, 1e9, 'A'.repeat(10_000)]) {
        expect(v.is(schema, { ...value, [field]: wrong })).toBe(false);
      }
    }
    expect(v.is(schema, { ...value, extra: 1 })).toBe(false);
  });

  test('is nothing else, whatever comes', () => {
    fc.assert(
      fc.property(fc.anything(), (anything) => {
        expect(v.is(schema, anything)).toBe(false);
      }),
    );
  });
});

test('lists that a server fills are bounded', () => {
  const members = new Array<string>(MAX_RECEIVERS + 1).fill(member);
  expect(v.is(requests.join.reply, { ok: true, members })).toBe(false);
  expect(v.is(requests.join.reply, { ok: true, members: members.slice(1) })).toBe(true);
  const server = { urls: ['stun:a'] };
  expect(v.is(IceConfig, { version: 1, iceServers: new Array(9).fill(server) })).toBe(false);
  expect(v.is(IceConfig, { version: 1, iceServers: [{ urls: [] }] })).toBe(false);
});

test.each(['stun:a', 'stun:a:1', 'stun:192.0.2.1:3478', 'stun:[2001:db8::1]', 'stun:stun.example.org:19302'])(
  '%s is a STUN server',
  (url) => {
    expect(v.is(IceConfig, { version: 1, iceServers: [{ urls: [url] }] })).toBe(true);
  },
);

test.each([
  'turn:a',
  'http://a',
  'stun:',
  'stun:a:b',
  'stun:a?transport=tcp',
  'stun:a/b',
  'stun:::1',
  'stuns:a\n',
  'stun:a b',
])('%j is none', (url) => {
  expect(v.is(IceConfig, { version: 1, iceServers: [{ urls: [url] }] })).toBe(false);
});

describe('a payload in JSON', () => {
  const request = (spelled: unknown) => ({ version: SIGNALING_VERSION, room: token, payload: spelled });

  test('is what was spelled', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: MAX_PAYLOAD_BYTES }), (bytes) => {
        const { payload: read } = v.parse(KnockRequest, request(spellPayload(bytes)));
        expect(Buffer.compare(read, bytes)).toBe(0);
      }),
    );
    expect(v.is(KnockRequest, request(spellPayload(new Uint8Array(MAX_PAYLOAD_BYTES))))).toBe(true);
  });

  test.each([
    [''],
    ['AA=='],
    ['AB'],
    ['+A'],
    ['A'],
    [spellPayload(new Uint8Array(MAX_PAYLOAD_BYTES + 1))],
    [7],
    [null],
  ])('is not %j', (spelled) => {
    expect(v.is(KnockRequest, request(spelled))).toBe(false);
    expect(v.is(KnockRelay, { payload: spelled })).toBe(false);
    expect(v.is(KnockMessages, { payloads: [spelled] })).toBe(false);
  });

  test('shares its message with no more than is allowed', () => {
    const payloads = Array(MAX_KNOCK_PAYLOADS).fill('AA');
    expect(v.is(KnockMessages, { payloads })).toBe(true);
    expect(v.is(KnockMessages, { payloads: [...payloads, 'AA'] })).toBe(false);
    expect(v.is(KnockMessages, { payloads: [] })).toBe(false);
    expect(v.is(KnockMessages, { payloads, to: member })).toBe(false);
    expect(v.is(KnockRequest, { ...request('AA'), room: '2112' })).toBe(false);
  });
});
