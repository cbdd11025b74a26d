import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ATTRIBUTE, type Attribute, DISCOVERY_ATTRIBUTE } from './codec/attribute.ts';
import { encodeBindingRequest, randomTransactionId } from './codec/binding.ts';
import { type Change, changeRequest, NO_CHANGE } from './codec/change-request.ts';
import { readErrorCode } from './codec/error-code.ts';
import { withFingerprint } from './codec/fingerprint.ts';
import { BINDING } from './codec/header.ts';
import { readMappedAddress } from './codec/mapped-address.ts';
import { decodeMessage, encodeMessage } from './codec/message.ts';
import { readOtherAddress } from './codec/other-address.ts';
import { padding, readPaddingBytes } from './codec/padding.ts';
import { readResponseOrigin } from './codec/response-origin.ts';
import { responsePort } from './codec/response-port.ts';
import { readUnknownAttributes } from './codec/unknown-attributes.ts';
import { readXorMappedAddress } from './codec/xor-mapped-address.ts';
import { MAX_REQUEST_BYTES, MIN_RESPONSE_PORT } from './limits.ts';
import { type Corner, respond } from './respond.ts';

const SOURCE = { address: '192.0.2.33', port: 40_000 };
const ID = randomTransactionId();
const HEADER = { messageClass: 'request', method: BINDING, transactionId: ID } as const;

/** Came in at Da:Dp; Ca:Cp is the other. */
const CORNER: Corner = {
  across: ({ ip, port }) => ({ address: ip ? '198.51.100.2' : '198.51.100.1', port: port ? 3479 : 3478 }),
  isDatagram: true,
};
const TCP_CORNER: Corner = { ...CORNER, isDatagram: false };

function asked(attributes: Attribute[], corner = CORNER) {
  const answer = respond(encodeMessage(HEADER, attributes), SOURCE, corner);
  const message = answer && decodeMessage(answer.bytes);
  if (answer === null || message === null || message === undefined) throw new Error('no answer');
  return { ...answer, message };
}

test('an answer holds what RFC 5780 section 6.1 demands', () => {
  const { message, port, change } = asked([]);
  expect({ port, change }).toEqual({ port: SOURCE.port, change: NO_CHANGE });
  expect(readXorMappedAddress(message)).toEqual(SOURCE);
  expect(readMappedAddress(message)).toEqual(SOURCE);
  expect(readResponseOrigin(message)).toEqual({ address: '198.51.100.1', port: 3478 });
  expect(readOtherAddress(message)).toEqual({ address: '198.51.100.2', port: 3479 });
  expect(message.attributes).toHaveLength(4);
});

// RFC 5780 table 1.
test.each<[Change, { address: string; port: number }]>([
  [NO_CHANGE, { address: '198.51.100.1', port: 3478 }],
  [
    { ip: true, port: false },
    { address: '198.51.100.2', port: 3478 },
  ],
  [
    { ip: false, port: true },
    { address: '198.51.100.1', port: 3479 },
  ],
  [
    { ip: true, port: true },
    { address: '198.51.100.2', port: 3479 },
  ],
])('CHANGE-REQUEST %o is answered from %o', (change, origin) => {
  const answer = asked([changeRequest(change)]);
  expect(answer.change).toEqual(change);
  expect(answer.port).toBe(SOURCE.port);
  expect(readResponseOrigin(answer.message)).toEqual(origin);
  expect(readOtherAddress(answer.message)).toEqual({ address: '198.51.100.2', port: 3479 });
});

test('RESPONSE-PORT is where the answer goes, and what it says stays', () => {
  for (const port of [MIN_RESPONSE_PORT, 65_535]) {
    const answer = asked([responsePort(port)]);
    expect(answer.port).toBe(port);
    expect(readXorMappedAddress(answer.message)).toEqual(SOURCE);
  }
});

test.each([0, 1, 1500, MAX_REQUEST_BYTES - 24])('PADDING of %i bytes comes back as long', (sizeBytes) => {
  expect(readPaddingBytes(asked([padding(sizeBytes)]).message)).toBe(sizeBytes);
});

describe('400', () => {
  test.each([
    ['RESPONSE-PORT with PADDING', [responsePort(5000), padding(4)]],
    ['the same from elsewhere', [changeRequest({ ip: true, port: true }), padding(4), responsePort(5000)]],
    ['RESPONSE-PORT 0', [responsePort(0)]],
    ['a RESPONSE-PORT of the system', [responsePort(MIN_RESPONSE_PORT - 1)]],
    ['a malformed RESPONSE-PORT', [{ type: DISCOVERY_ATTRIBUTE['RESPONSE-PORT'], value: new Uint8Array(3) }]],
    [
      'a malformed CHANGE-REQUEST',
      [{ type: DISCOVERY_ATTRIBUTE['CHANGE-REQUEST'], value: new Uint8Array(2) }],
    ],
  ])('for %s, straight back', (_, attributes) => {
    const { message, port, change } = asked(attributes);
    expect({ port, change }).toEqual({ port: SOURCE.port, change: NO_CHANGE });
    expect(message.messageClass).toBe('error');
    expect(readErrorCode(message)).toEqual({ code: 400, reason: 'Bad Request' });
  });
});

describe('420', () => {
  test('for what is unknown, straight back', () => {
    const { message, port, change } = asked([
      changeRequest({ ip: true, port: true }),
      responsePort(5000),
      { type: 0x7fff, value: new Uint8Array() },
    ]);
    expect({ port, change }).toEqual({ port: SOURCE.port, change: NO_CHANGE });
    expect(readUnknownAttributes(message)).toEqual([0x7fff]);
  });

  test('for what TCP cannot do', () => {
    const { message } = asked([changeRequest(NO_CHANGE), responsePort(5000), padding(4)], TCP_CORNER);
    expect(readErrorCode(message)?.code).toBe(420);
    expect(readUnknownAttributes(message)).toEqual([0x0003, 0x0027, 0x0026]);
  });

  test('not for a plain request on TCP', () => {
    const { message } = asked([], TCP_CORNER);
    expect(readOtherAddress(message)).toEqual({ address: '198.51.100.2', port: 3479 });
  });
});

test('an answer that comes back is met with silence', () => {
  expect(respond(asked([]).bytes, SOURCE, CORNER)).toBeNull();
});

test('no answer is larger than three times its request, on IP', () => {
  const value = fc.uint8Array({ maxLength: 40 });
  const type = fc.oneof(
    fc.constantFrom(...Object.values(DISCOVERY_ATTRIBUTE)),
    fc.nat(0xffff).filter((number) => number !== ATTRIBUTE.FINGERPRINT),
  );
  const attribute = fc.oneof(
    fc.record({ type, value }),
    fc.nat(1_500).map(padding),
    fc.record({ ip: fc.boolean(), port: fc.boolean() }).map(changeRequest),
    fc.nat(65_535).map(responsePort),
  );
  // IPv4 and IPv6 headers without options, each with UDP's 8 bytes.
  const FAMILIES = [
    { address: '192.0.2.33', headerBytes: 28, corner: CORNER },
    {
      address: '2001:db8::33',
      headerBytes: 48,
      corner: { ...CORNER, across: () => ({ address: '2001:db8::1', port: 3478 }) },
    },
  ];
  fc.assert(
    fc.property(fc.array(attribute, { maxLength: 4 }), fc.boolean(), (attributes, isMarked) => {
      const plain = encodeMessage(HEADER, attributes);
      fc.pre(plain.length <= MAX_REQUEST_BYTES - 8);
      const request = isMarked ? withFingerprint(plain) : plain;
      for (const { address, headerBytes, corner } of FAMILIES) {
        const answer = respond(request, { address, port: 1024 }, corner);
        expect(answer).not.toBeNull();
        const answerBytes = (answer?.bytes.length ?? 0) + headerBytes;
        expect(answerBytes).toBeLessThanOrEqual(3 * (request.length + headerBytes));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('any bytes at a corner are answered or not, and never throw', () => {
  const bytes = fc
    .array(fc.record({ type: fc.nat(0xffff), value: fc.uint8Array({ maxLength: 8 }) }), { maxLength: 6 })
    .map((attributes) => encodeMessage(HEADER, attributes));
  const request = encodeBindingRequest(ID);
  const broken = fc.uint8Array({ maxLength: 64 }).map((tail) => new Uint8Array([...request, ...tail]));
  fc.assert(
    fc.property(fc.oneof(bytes, broken), fc.ipV4(), fc.nat(65_535), (received, address, port) => {
      respond(received, { address, port }, CORNER);
    }),
    { numRuns: 5_000 },
  );
});
