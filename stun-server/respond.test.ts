import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ATTRIBUTE, type Attribute, appendAttribute } from './codec/attribute.ts';
import { encodeBindingRequest, randomTransactionId } from './codec/binding.ts';
import { readErrorCode } from './codec/error-code.ts';
import { withFingerprint } from './codec/fingerprint.ts';
import { BINDING } from './codec/header.ts';
import { decodeMessage, encodeMessage } from './codec/message.ts';
import { withMessageIntegrity } from './codec/message-integrity.ts';
import { readUnknownAttributes } from './codec/unknown-attributes.ts';
import { readXorMappedAddress } from './codec/xor-mapped-address.ts';
import { MAX_REQUEST_BYTES, MAX_UNKNOWN_ATTRIBUTES } from './limits.ts';
import { respond } from './respond.ts';
import { VECTORS } from './testing/vectors.ts';

const SOURCE = { address: '192.0.2.33', port: 40_000 };
const ID = randomTransactionId();
const HEADER = { messageClass: 'request', method: BINDING, transactionId: ID } as const;
const REQUEST = encodeBindingRequest(ID);

const empty = (type: number): Attribute => ({ type, value: new Uint8Array() });
const asking = (...types: number[]) => encodeMessage(HEADER, types.map(empty));

function answer(request: Uint8Array, source = SOURCE) {
  const response = respond(request, source);
  return response === null ? null : decodeMessage(response.bytes);
}

const typesIn = (message: ReturnType<typeof answer>) => message?.attributes.map(({ type }) => type);

describe('a Binding request', () => {
  test('is answered with XOR-MAPPED-ADDRESS and nothing else', () => {
    const response = answer(REQUEST);
    expect(response).toMatchObject({ messageClass: 'success', method: BINDING, transactionId: ID });
    expect(typesIn(response)).toEqual([ATTRIBUTE['XOR-MAPPED-ADDRESS']]);
    expect(response && readXorMappedAddress(response)).toEqual(SOURCE);
  });

  test.each([
    ['::ffff:192.0.2.33', '192.0.2.33'],
    ['2001:db8::1', '2001:db8::1'],
    ['fe80::1%lo', 'fe80::1'],
  ])('from %s is answered with %s', (seen, told) => {
    const response = answer(REQUEST, { address: seen, port: 7 });
    expect(response && readXorMappedAddress(response)).toEqual({ address: told, port: 7 });
  });

  test('gets a FINGERPRINT if it has one', () => {
    const { FINGERPRINT } = ATTRIBUTE;
    expect(typesIn(answer(withFingerprint(REQUEST)))).toEqual([ATTRIBUTE['XOR-MAPPED-ADDRESS'], FINGERPRINT]);
    expect(typesIn(answer(withFingerprint(asking(0x0003))))?.at(-1)).toBe(FINGERPRINT);
  });

  test('is answered whatever it says about its sender', () => {
    expect(answer(VECTORS.requestLongTerm)?.messageClass).toBe('success');
    expect(answer(VECTORS.requestUserhash)?.messageClass).toBe('success');
  });

  test('may have unknown attributes that are optional', () => {
    expect(answer(asking(0x8022, 0xc057, 0xffff, 0x8000))?.messageClass).toBe('success');
  });

  test('may have unknown attributes behind its MESSAGE-INTEGRITY', () => {
    const signed = withMessageIntegrity(REQUEST, new Uint8Array(16));
    expect(answer(appendAttribute(signed, empty(0x7fff)))?.messageClass).toBe('success');
  });
});

describe('420', () => {
  test.each([
    ['CHANGE-REQUEST', [0x0003]],
    ['RESPONSE-PORT', [0x0027]],
    ['RESPONSE-PORT with PADDING', [0x0027, 0x0026]],
    ['PRIORITY of an ICE check', [0x0024]],
    ['the last that is required', [0x7fff]],
    ['the first of all', [0x0000]],
  ])('for %s', (_, types) => {
    const response = answer(asking(...types));
    expect(response).toMatchObject({ messageClass: 'error', method: BINDING, transactionId: ID });
    expect(response && readErrorCode(response)).toEqual({ code: 420, reason: 'Unknown Attribute' });
    expect(response && readUnknownAttributes(response)).toEqual(types);
    expect(typesIn(response)).toEqual([ATTRIBUTE['ERROR-CODE'], ATTRIBUTE['UNKNOWN-ATTRIBUTES']]);
  });

  test('lists each once, and only so many', () => {
    const types = Array.from({ length: MAX_UNKNOWN_ATTRIBUTES + 1 }, (_, i) => 0x4000 + i);
    const response = answer(asking(0x4000, 0x4000, ...types));
    expect(response && readUnknownAttributes(response)).toEqual(types.slice(0, MAX_UNKNOWN_ATTRIBUTES));
  });
});

describe('silence', () => {
  const ofClass = (messageClass: 'success' | 'error' | 'indication', ...attributes: Attribute[]) =>
    encodeMessage({ ...HEADER, messageClass }, attributes);

  test.each([
    ['a success response', ofClass('success')],
    ['its own answer, come back', respond(REQUEST, SOURCE)?.bytes ?? REQUEST],
    ['its own refusal, come back', respond(asking(0x0003), SOURCE)?.bytes ?? REQUEST],
    ['an error response', ofClass('error')],
    ['an indication', ofClass('indication')],
    ['an indication with an unknown attribute', ofClass('indication', empty(0x7fff))],
    ['another method', encodeMessage({ ...HEADER, method: 0x003 })],
    ['a wrong cookie', REQUEST.map((byte, i) => (i === 4 ? 0x20 : byte))],
    // RFC 3489, as the stun-client of 2003 still speaks it.
    [
      'no cookie',
      new Uint8Array(Buffer.from('00010008017fdf5f1bd713067fddb515e41885120003000400000000', 'hex')),
    ],
    ['a bad FINGERPRINT', withFingerprint(REQUEST).map((byte, i) => (i === 27 ? byte ^ 1 : byte))],
    ['a misplaced FINGERPRINT', appendAttribute(withFingerprint(REQUEST), empty(0x8022))],
    ['an attribute that overruns', asking(0x8022).map((byte, i) => (i === 23 ? 1 : byte))],
    [
      'an attribute that overruns, after an unknown one',
      asking(0x0003, 0x8022).map((b, i) => (i === 27 ? 1 : b)),
    ],
    ['two requests in one datagram', new Uint8Array([...REQUEST, ...REQUEST])],
    ['a byte too many', new Uint8Array([...REQUEST, 0])],
    ['nothing at all', new Uint8Array()],
    [
      'a request too large',
      encodeMessage(HEADER, [{ type: 0x8022, value: new Uint8Array(MAX_REQUEST_BYTES) }]),
    ],
  ])('for %s', (_, received) => {
    expect(respond(received, SOURCE)).toBeNull();
  });

  test('for a source that cannot be sent to', () => {
    expect(respond(REQUEST, { ...SOURCE, port: 0 })).toBeNull();
  });
});

describe('amplification', () => {
  const type = fc.nat(0xffff).filter((number) => number !== ATTRIBUTE.FINGERPRINT);
  const attribute = fc.record({ type, value: fc.uint8Array({ maxLength: 8 }) });
  // IPv4 and IPv6 headers without options, each with UDP's 8 bytes.
  const FAMILIES = [
    { address: '192.0.2.33', headerBytes: 28 },
    { address: '2001:db8::33', headerBytes: 48 },
  ];

  test('no answer is larger than three times its request', () => {
    fc.assert(
      fc.property(fc.array(attribute, { maxLength: 40 }), fc.boolean(), (attributes, isMarked) => {
        const plain = encodeMessage(HEADER, attributes);
        const request = isMarked ? withFingerprint(plain) : plain;
        for (const { address, headerBytes } of FAMILIES) {
          const response = respond(request, { address, port: 1024 });
          expect(response).not.toBeNull();
          const answerBytes = (response?.bytes.length ?? 0) + headerBytes;
          expect(answerBytes).toBeLessThanOrEqual(3 * (request.length + headerBytes));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

test('any bytes from anywhere are answered or not, and never throw', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.uint8Array({ maxLength: 64 }).map((tail) => new Uint8Array([...REQUEST, ...tail])),
  );
  fc.assert(
    fc.property(bytes, fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65_535), (received, address, port) => {
      respond(received, { address, port });
    }),
    { numRuns: 20_000 },
  );
});
