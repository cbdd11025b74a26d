import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Attribute, DISCOVERY_ATTRIBUTE } from './attribute.ts';
import { changeRequest, NO_CHANGE, readChangeRequest } from './change-request.ts';
import { BINDING } from './header.ts';
import { ipAddressText } from './ip-address.ts';
import { decodeMessage, encodeMessage, type StunMessage } from './message.ts';
import { otherAddress, readOtherAddress } from './other-address.ts';
import { padding, readPaddingBytes } from './padding.ts';
import { readResponseOrigin, responseOrigin } from './response-origin.ts';
import { readResponsePort, responsePort } from './response-port.ts';

const TRANSACTION_ID = Uint8Array.from({ length: 12 }, (_, i) => 200 - i);

/** A message that carries these attributes, as a receiver has it. */
function carrying(...attributes: Attribute[]): StunMessage {
  const header = { messageClass: 'request', method: BINDING, transactionId: TRANSACTION_ID } as const;
  const message = decodeMessage(encodeMessage(header, attributes));
  if (message === null) throw new Error('the message does not decode');
  return message;
}

const raw = (name: keyof typeof DISCOVERY_ATTRIBUTE, ...value: number[]) =>
  carrying({ type: DISCOVERY_ATTRIBUTE[name], value: Uint8Array.from(value) });

test('what RFC 5780 prints is what travels', () => {
  // Figure of section 7.2: A is the third bit from the end, B the second.
  expect([...changeRequest({ ip: true, port: false }).value]).toEqual([0, 0, 0, 4]);
  expect([...changeRequest({ ip: false, port: true }).value]).toEqual([0, 0, 0, 2]);
  expect([...changeRequest({ ip: true, port: true }).value]).toEqual([0, 0, 0, 6]);
  // Section 7.5: 16 bits in network byte order and 2 bytes of padding.
  expect([...responsePort(0x1234).value]).toEqual([0x12, 0x34, 0, 0]);
  // Section 7.1: "the same format as MAPPED-ADDRESS".
  const address = { address: '192.0.2.1', port: 32853 };
  for (const attribute of [responseOrigin(address), otherAddress(address)])
    expect([...attribute.value]).toEqual([0, 1, 0x80, 0x55, 192, 0, 2, 1]);
});

describe('CHANGE-REQUEST', () => {
  test('comes back', () => {
    for (const ip of [true, false])
      for (const port of [true, false])
        expect(readChangeRequest(carrying(changeRequest({ ip, port })))).toEqual({ ip, port });
  });

  test('is no change where it is absent, and has bits that mean nothing', () => {
    expect(readChangeRequest(carrying())).toEqual(NO_CHANGE);
    expect(readChangeRequest(raw('CHANGE-REQUEST', 0xff, 0xff, 0xff, 0xf9))).toEqual(NO_CHANGE);
  });

  test.each([0, 3, 5, 8])('of %i bytes is malformed', (sizeBytes) => {
    expect(readChangeRequest(raw('CHANGE-REQUEST', ...new Uint8Array(sizeBytes)))).toBeNull();
  });
});

describe('RESPONSE-PORT', () => {
  test('comes back, with its padding counted or not', () => {
    fc.assert(
      fc.property(fc.nat(65_535), (port) => {
        expect(readResponsePort(carrying(responsePort(port)))).toBe(port);
        expect(readResponsePort(raw('RESPONSE-PORT', port >> 8, port & 0xff))).toBe(port);
      }),
    );
    expect(readResponsePort(carrying())).toBeUndefined();
  });

  test.each([0, 1, 3, 5])('of %i bytes is malformed', (sizeBytes) => {
    expect(readResponsePort(raw('RESPONSE-PORT', ...new Uint8Array(sizeBytes)))).toBeNull();
  });
});

test('PADDING has a length', () => {
  fc.assert(
    fc.property(fc.nat(2_000), (sizeBytes) => {
      expect(readPaddingBytes(carrying(padding(sizeBytes)))).toBe(sizeBytes);
    }),
  );
  expect(readPaddingBytes(carrying())).toBeUndefined();
});

describe('RESPONSE-ORIGIN and OTHER-ADDRESS', () => {
  const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(ipAddressText);
  const address = fc.record({ address: fc.oneof(fc.ipV4(), ipv6), port: fc.nat(65_535) });

  test('come back', () => {
    fc.assert(
      fc.property(address, address, (origin, other) => {
        const message = carrying(responseOrigin(origin), otherAddress(other));
        expect(readResponseOrigin(message)).toEqual(origin);
        expect(readOtherAddress(message)).toEqual(other);
      }),
    );
  });

  test('are malformed as any address may be', () => {
    expect(readResponseOrigin(raw('RESPONSE-ORIGIN', 0, 1, 0, 80, 1, 2, 3))).toBeNull();
    expect(readOtherAddress(raw('OTHER-ADDRESS', 0, 3, 0, 80, 1, 2, 3, 4))).toBeNull();
    expect(readOtherAddress(carrying())).toBeNull();
  });
});

test('any bytes as any of them are read or not, and never throw', () => {
  const attribute = fc.record({
    type: fc.constantFrom(...Object.values(DISCOVERY_ATTRIBUTE)),
    value: fc.uint8Array({ maxLength: 24 }),
  });
  fc.assert(
    fc.property(fc.array(attribute, { maxLength: 6 }), (attributes) => {
      const message = carrying(...attributes);
      readChangeRequest(message);
      readResponsePort(message);
      readPaddingBytes(message);
      readResponseOrigin(message);
      readOtherAddress(message);
    }),
    { numRuns: 2_000 },
  );
});
