import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VECTORS } from '../testing/vectors.ts';
import { ATTRIBUTE, type Attribute, appendAttribute } from './attribute.ts';
import { readUserhash, shortTermKey } from './credential.ts';
import { readErrorCode } from './error-code.ts';
import { withFingerprint } from './fingerprint.ts';
import { BINDING } from './header.ts';
import { readAlternateServer, readMappedAddress } from './mapped-address.ts';
import { decodeMessage, encodeMessage, type StunMessage } from './message.ts';
import {
  hasMessageIntegrity,
  hasMessageIntegritySha256,
  withMessageIntegrity,
  withMessageIntegritySha256,
} from './message-integrity.ts';
import { readPasswordAlgorithm, readPasswordAlgorithms } from './password-algorithm.ts';
import { readText } from './text-attributes.ts';
import { notUnderstood, readUnknownAttributes } from './unknown-attributes.ts';
import { readXorMappedAddress } from './xor-mapped-address.ts';

const KEY = shortTermKey('secret');
const TRANSACTION_ID = Uint8Array.from({ length: 12 }, (_, i) => i);
const REQUEST = { messageClass: 'request', method: BINDING, transactionId: TRANSACTION_ID } as const;

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const header = fc.record({
  messageClass: fc.constantFrom('request', 'indication', 'success', 'error'),
  method: fc.integer({ min: 0, max: 0xfff }),
  transactionId: fc.uint8Array({ minLength: 12, maxLength: 12 }),
});
const plainType = fc
  .integer({ min: 0, max: 0xffff })
  .filter((type) => type !== 0x0008 && type !== 0x001c && type !== 0x8028);
const attributes = fc.array(fc.record({ type: plainType, value: bytes(20) }), { maxLength: 8 });

const typesOf = (message: StunMessage | null) => message?.attributes.map(({ type }) => type);

describe('a message', () => {
  test('comes back as it was encoded, with any trailer', () => {
    fc.assert(
      fc.property(header, attributes, fc.boolean(), fc.boolean(), (head, list, isSigned, isMarked) => {
        const plain = encodeMessage(head, list);
        const signed = isSigned ? withMessageIntegritySha256(withMessageIntegrity(plain, KEY), KEY) : plain;
        const message = decodeMessage(isMarked ? withFingerprint(signed) : signed);
        expect(message).toMatchObject(head);
        expect(message?.attributes.slice(0, list.length)).toMatchObject(list);
        expect(message?.attributes.length).toBe(list.length + (isSigned ? 2 : 0) + (isMarked ? 1 : 0));
        expect(message !== null && hasMessageIntegrity(message, KEY)).toBe(isSigned);
        expect(message !== null && hasMessageIntegritySha256(message, KEY)).toBe(isSigned);
      }),
    );
  });

  // RFC 8489 section 5 prints these three.
  test.each([
    ['request', 0x0001],
    ['success', 0x0101],
    ['error', 0x0111],
    ['indication', 0x0011],
  ] as const)('Binding %s has type %i', (messageClass, type) => {
    const [high, low] = encodeMessage({ ...REQUEST, messageClass });
    expect(((high ?? 0) << 8) | (low ?? 0)).toBe(type);
  });

  test.each([
    ['a transaction id of 11 bytes', () => encodeMessage({ ...REQUEST, transactionId: new Uint8Array(11) })],
    ['a method of 13 bits', () => encodeMessage({ ...REQUEST, method: 0x1000 })],
    [
      'attributes past 64 KiB',
      () => encodeMessage(REQUEST, [{ type: 0x8022, value: new Uint8Array(0xfffd) }]),
    ],
  ])('refuses to encode %s', (_, encode) => {
    expect(encode).toThrow(RangeError);
  });
});

describe('what a receiver discards', () => {
  const plain = encodeMessage(REQUEST, [{ type: ATTRIBUTE.SOFTWARE, value: new Uint8Array(5) }]);
  const edited = (offset: number, ...values: number[]) => {
    const copy = plain.slice();
    copy.set(values, offset);
    return copy;
  };
  const marked = withFingerprint(plain);
  const empty = (type: number) => ({ type, value: new Uint8Array() });
  const unpadded = Uint8Array.from([...encodeMessage(REQUEST), 0x80, 0x22, 0, 1, 7]);
  unpadded[3] = 5;
  /** A FINGERPRINT of the wrong place or size can still hold the right sum. */
  const summed = (preceding: Uint8Array, sizeBytes: number, ...following: Attribute[]) => {
    const fingerprint = { type: ATTRIBUTE.FINGERPRINT, value: new Uint8Array(sizeBytes) };
    const message = [fingerprint, ...following].reduce(appendAttribute, preceding);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE((crc32(message.subarray(0, preceding.length)) ^ 0x5354554e) >>> 0);
    message.set(sum.subarray(0, sizeBytes), preceding.length + 4);
    return message;
  };
  // Three bytes are the whole sum where its fourth is the zero that is read behind them: 1 in 256.
  const shortSum = Array.from({ length: 5_000 }, (_, i) => {
    const value = Uint8Array.of(i >> 8, i & 0xff);
    return summed(encodeMessage(REQUEST, [{ type: ATTRIBUTE.SOFTWARE, value }]), 3);
  }).find((message) => (crc32(message.subarray(0, 28)) & 0xff) === 0x4e);

  test('not a FINGERPRINT in its place', () => {
    expect(summed(plain, 4)).toEqual(marked);
    expect(decodeMessage(marked)).not.toBeNull();
  });

  test.each([
    ['nothing', new Uint8Array()],
    ['19 bytes', plain.subarray(0, 19)],
    ['one of the first two bits set', edited(0, 0x40)],
    ['a wrong cookie', edited(7, 0x43)],
    ['a length one word short', edited(3, 8)],
    ['a length one word long', edited(3, 16)],
    ['a length that is no multiple of four', unpadded],
    ['an attribute that overruns by one byte', edited(23, 9)],
    ['an attribute that overruns by far', edited(22, 0xff, 0xff)],
    ['a FINGERPRINT that is wrong', marked.map((byte, i) => (i === marked.length - 1 ? byte ^ 1 : byte))],
    ['a FINGERPRINT before another attribute', summed(plain, 4, empty(0x8022))],
    ['two FINGERPRINTs', withFingerprint(marked)],
    ['a FINGERPRINT of 0 bytes', appendAttribute(plain, empty(0x8028))],
    ['a FINGERPRINT of 3 bytes', shortSum ?? plain],
    ['a FINGERPRINT of 8 bytes', summed(plain, 8)],
  ])('%s', (_, received) => {
    expect(decodeMessage(plain)).not.toBeNull();
    expect(decodeMessage(received)).toBeNull();
  });
});

describe('attributes behind an integrity attribute', () => {
  const late = { type: 0x0002, value: new Uint8Array(4) };

  test('are ignored, except the SHA-256 one and FINGERPRINT', () => {
    const signed = appendAttribute(withMessageIntegrity(encodeMessage(REQUEST), KEY), late);
    const message = decodeMessage(
      withFingerprint(appendAttribute(withMessageIntegritySha256(signed, KEY), late)),
    );
    expect(typesOf(message)).toEqual([0x0008, 0x001c, 0x8028]);
  });

  test('are ignored behind the SHA-256 one, MESSAGE-INTEGRITY included', () => {
    const signed = withMessageIntegritySha256(encodeMessage(REQUEST), KEY);
    const message = decodeMessage(withMessageIntegrity(appendAttribute(signed, late), KEY));
    expect(typesOf(message)).toEqual([0x001c]);
    expect(message && hasMessageIntegrity(message, KEY)).toBe(false);
  });
});

/** Reads everything there is to read: none of it may throw, whatever the bytes. */
function readAll(received: Uint8Array): void {
  const message = decodeMessage(received);
  if (message === null) return;
  readMappedAddress(message);
  readXorMappedAddress(message);
  readAlternateServer(message);
  readErrorCode(message);
  readUnknownAttributes(message);
  readPasswordAlgorithm(message);
  readPasswordAlgorithms(message);
  readUserhash(message);
  for (const name of ['USERNAME', 'REALM', 'NONCE', 'SOFTWARE'] as const) readText(message, name);
  notUnderstood(message);
  hasMessageIntegrity(message, KEY);
  hasMessageIntegritySha256(message, KEY);
}

describe('the decoder takes anything', () => {
  test('random bytes', () => {
    fc.assert(
      fc.property(bytes(120), (received) => readAll(received)),
      { numRuns: 20_000 },
    );
  });

  test('random attributes in a right header', () => {
    const anyAttribute = fc.record({ type: fc.constantFrom(...Object.values(ATTRIBUTE)), value: bytes(40) });
    fc.assert(
      fc.property(fc.array(anyAttribute, { maxLength: 6 }), (list) => readAll(encodeMessage(REQUEST, list))),
      { numRuns: 20_000 },
    );
  });

  test('the vectors with every byte set to each of the values that mean something', () => {
    const INTERESTING_BYTES = [
      0x00, // no length, no family, class 0
      0x01, // IPv4
      0x02, // IPv6
      0x03, // the first error class; a length that needs padding
      0x04,
      0x14,
      0x20, // the lengths of the fixed-size attributes
      0x7f,
      0x80, // both sides of comprehension-optional and of UTF-8
      0xff,
    ];
    let cases = 0;
    for (const vector of Object.values(VECTORS)) {
      // Without the FINGERPRINT, which would refuse all of them.
      const { length } = vector;
      const open = vector.at(-8) === 0x80 ? vector.slice(0, length - 8) : vector.slice();
      open[3] = open.length - 20;
      for (const [offset, original] of open.entries()) {
        for (const value of INTERESTING_BYTES) {
          open[offset] = value;
          for (const cut of [0, 1, 4, 8]) {
            const sized = open.slice(0, open.length - cut);
            readAll(sized);
            if (offset > 3) sized[3] = sized.length - 20;
            readAll(sized);
            cases += 2;
          }
        }
        open[offset] = original;
      }
    }
    expect(cases).toBeGreaterThan(30_000);
  });

  test('the vectors with a few bytes changed', () => {
    const edit = fc.tuple(fc.nat(200), fc.nat(255));
    const mutation = fc.tuple(
      fc.constantFrom(...Object.values(VECTORS)),
      fc.array(edit, { minLength: 1, maxLength: 6 }),
    );
    fc.assert(
      fc.property(mutation, ([vector, edits]) => {
        const mutated = vector.slice();
        for (const [offset, value] of edits) mutated[offset % mutated.length] = value;
        readAll(mutated);
      }),
      { numRuns: 20_000 },
    );
  });
});
