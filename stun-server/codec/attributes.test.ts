import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ATTRIBUTE, type Attribute, DISCOVERY_ATTRIBUTE } from './attribute.ts';
import { readUserhash, userhash } from './credential.ts';
import { ERROR_REASON, errorCode, readErrorCode } from './error-code.ts';
import { BINDING } from './header.ts';
import { ipAddressBytes, ipAddressText, unmappedIpv4 } from './ip-address.ts';
import { alternateServer, mappedAddress, readAlternateServer, readMappedAddress } from './mapped-address.ts';
import { decodeMessage, encodeMessage, type StunMessage } from './message.ts';
import {
  passwordAlgorithm,
  passwordAlgorithms,
  readPasswordAlgorithm,
  readPasswordAlgorithms,
} from './password-algorithm.ts';
import { readText, textAttribute } from './text-attributes.ts';
import { notUnderstood, readUnknownAttributes, unknownAttributes } from './unknown-attributes.ts';
import { readXorMappedAddress, xorMappedAddress } from './xor-mapped-address.ts';

const TRANSACTION_ID = Uint8Array.from({ length: 12 }, (_, i) => 200 - i);

/** A message that carries these attributes, as a receiver has it. */
function carrying(...attributes: Attribute[]): StunMessage {
  const header = { messageClass: 'success', method: BINDING, transactionId: TRANSACTION_ID } as const;
  const message = decodeMessage(encodeMessage(header, attributes));
  if (message === null) throw new Error('the message does not decode');
  return message;
}

const raw = (name: keyof typeof ATTRIBUTE, ...value: number[]) =>
  carrying({ type: ATTRIBUTE[name], value: Uint8Array.from(value) });

const ipv6Text = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(ipAddressText);
const address = fc.record({
  address: fc.oneof(fc.ipV4(), ipv6Text),
  port: fc.integer({ min: 0, max: 65_535 }),
});

describe('IANA', () => {
  const rows = readFileSync(new URL('../testdata/iana-stun-attributes.csv', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((row) => row.split(','));

  test.each([
    ['RFC8489', ATTRIBUTE],
    ['RFC5780', DISCOVERY_ATTRIBUTE],
  ])('every attribute of %s has its name and number, and no other is here', (rfc, attributes) => {
    // RFC 5780 section 9.1 gives CACHE-TIMEOUT a number, and nothing describes it.
    const registered = rows.filter(([, name, reference]) => reference === rfc && name !== 'CACHE-TIMEOUT');
    expect(attributes).toEqual(Object.fromEntries(registered.map(([value, name]) => [name, Number(value)])));
  });

  test('the required attributes of other RFCs are not understood, the optional ones are passed over', () => {
    const foreign = rows.filter(([, , reference]) => reference !== 'RFC8489').map(([value]) => Number(value));
    const message = carrying(...foreign.map((type) => ({ type, value: new Uint8Array() })));
    expect(notUnderstood(message)).toEqual(foreign.filter((type) => type < 0x8000));
    const discovery = new Set<number>(Object.values(DISCOVERY_ATTRIBUTE));
    expect(notUnderstood(message, discovery)).toEqual(
      foreign.filter((type) => type < 0x8000 && !discovery.has(type)),
    );
  });
});

describe('IP addresses', () => {
  test.each([
    ['0.0.0.0', '00000000'],
    ['255.255.255.255', 'ffffffff'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['1::', '00010000000000000000000000000000'],
    ['2001:db8:0:1::5', '20010db8000000010000000000000005'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['::ffff:192.0.2.7', '00000000000000000000ffffc0000207'],
    ['64:ff9b::192.0.2.7', '0064ff9b0000000000000000c0000207'],
    ['fe80::1%eth0.100', 'fe800000000000000000000000000001'],
  ])('%s is %s', (text, hex) => {
    expect(Buffer.from(ipAddressBytes(text)).toString('hex')).toBe(hex);
  });

  test.each(['', 'localhost', '1.2.3', '1.2.3.256', '1:2', '::1::', '[::1]'])('%j is none', (text) => {
    expect(() => ipAddressBytes(text)).toThrow(RangeError);
  });

  test('text and bytes agree both ways', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.constant(4), fc.constant(16)),
        fc.infiniteStream(fc.nat(255)),
        (length, stream) => {
          const bytes = Uint8Array.from(stream.take(length));
          expect(ipAddressBytes(ipAddressText(bytes))).toEqual(bytes);
        },
      ),
    );
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        expect(ipAddressBytes(text).length).toBe(16);
      }),
    );
  });

  test.each([
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207:1', '::ffff:c000:207:1'],
    ['2001:db8::ffff:192.0.2.7', '2001:db8::ffff:192.0.2.7'],
  ])('%s is %s behind a dual-stack socket', (seen, canonical) => {
    expect(unmappedIpv4(seen)).toBe(canonical);
  });
});

describe('address attributes', () => {
  test('come back', () => {
    fc.assert(
      fc.property(address, (sent) => {
        const message = carrying(
          mappedAddress(sent),
          xorMappedAddress(sent, TRANSACTION_ID),
          alternateServer(sent),
        );
        expect(readMappedAddress(message)).toEqual(sent);
        expect(readXorMappedAddress(message)).toEqual(sent);
        expect(readAlternateServer(message)).toEqual(sent);
      }),
    );
  });

  test('are veiled in XOR-MAPPED-ADDRESS alone', () => {
    const sent = { address: '192.0.2.1', port: 32853 };
    expect([...mappedAddress(sent).value]).toEqual([0, 1, 0x80, 0x55, 192, 0, 2, 1]);
    expect([...xorMappedAddress(sent, TRANSACTION_ID).value]).toEqual([
      0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,
    ]);
  });

  test.each([
    ['nothing', []],
    ['a family alone', [0, 1]],
    ['IPv4 with 3 bytes', [0, 1, 0, 80, 1, 2, 3]],
    ['IPv4 with 5 bytes', [0, 1, 0, 80, 1, 2, 3, 4, 5]],
    ['IPv6 with 4 bytes', [0, 2, 0, 80, 1, 2, 3, 4]],
    ['family 0', [0, 0, 0, 80, 1, 2, 3, 4]],
    ['family 3', [0, 3, 0, 80, 1, 2, 3, 4]],
  ])('with %s are malformed', (_, value) => {
    expect(readMappedAddress(raw('MAPPED-ADDRESS', ...value))).toBeNull();
    expect(readXorMappedAddress(raw('XOR-MAPPED-ADDRESS', ...value))).toBeNull();
    expect(readAlternateServer(raw('ALTERNATE-SERVER', ...value))).toBeNull();
  });

  test('the first of a kind counts', () => {
    const [first, second] = [
      { address: '192.0.2.1', port: 1 },
      { address: '192.0.2.2', port: 2 },
    ];
    expect(readMappedAddress(carrying(mappedAddress(first), mappedAddress(second)))).toEqual(first);
  });
});

describe('text attributes', () => {
  test('come back, byte order marks and all', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
        for (const name of ['REALM', 'NONCE', 'SOFTWARE', 'USERNAME'] as const)
          expect(readText(carrying(textAttribute(name, text)), name)).toBe(text);
      }),
    );
    expect(readText(carrying(textAttribute('REALM', '\ufeffx')), 'REALM')).toBe('\ufeffx');
  });

  test('are bounded', () => {
    expect(() => textAttribute('USERNAME', 'x'.repeat(509))).toThrow(RangeError);
    expect(() => textAttribute('SOFTWARE', 'x'.repeat(510))).toThrow(RangeError);
    expect(readText(raw('USERNAME', ...new Uint8Array(509)), 'USERNAME')).toBeNull();
    expect(readText(raw('NONCE', ...new Uint8Array(763)), 'NONCE')).toHaveLength(763);
    expect(readText(raw('NONCE', ...new Uint8Array(764)), 'NONCE')).toBeNull();
  });

  test('that are no UTF-8 are malformed', () => {
    expect(readText(raw('REALM', 0xc3), 'REALM')).toBeNull();
  });
});

describe('ERROR-CODE', () => {
  test('comes back with its reason', () => {
    for (const [code, reason] of Object.entries(ERROR_REASON)) {
      const known = Number(code) as keyof typeof ERROR_REASON;
      expect(readErrorCode(carrying(errorCode(known)))).toEqual({ code: known, reason });
    }
  });

  test.each([
    ['nothing', []],
    ['three bytes', [0, 0, 4]],
    ['class 2', [0, 0, 2, 0]],
    ['class 7', [0, 0, 7, 0]],
    ['number 100', [0, 0, 4, 100]],
    ['a reason that is no UTF-8', [0, 0, 4, 20, 0xff]],
    ['a reason of 764 bytes', [0, 0, 4, 20, ...new Uint8Array(764)]],
  ])('with %s is malformed', (_, value) => {
    expect(readErrorCode(raw('ERROR-CODE', ...value))).toBeNull();
  });

  test('has reserved bits, which are ignored', () => {
    expect(readErrorCode(raw('ERROR-CODE', 0xff, 0xff, 0xfc, 20))).toEqual({ code: 420, reason: '' });
  });
});

describe('UNKNOWN-ATTRIBUTES', () => {
  test('comes back', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff), { maxLength: 20 }), (types) => {
        expect(readUnknownAttributes(carrying(unknownAttributes(types)))).toEqual(types);
      }),
    );
  });

  test('of an odd length is malformed', () => {
    expect(readUnknownAttributes(raw('UNKNOWN-ATTRIBUTES', 0, 3, 0))).toBeNull();
  });
});

describe('USERHASH', () => {
  test('comes back', () => {
    const hash = userhash('user', 'realm');
    expect(readUserhash(carrying(hash))).toEqual(new Uint8Array(hash.value));
  });

  test.each([0, 31, 33])('of %i bytes is malformed', (sizeBytes) => {
    expect(readUserhash(raw('USERHASH', ...new Uint8Array(sizeBytes)))).toBeNull();
  });
});

describe('PASSWORD-ALGORITHMS', () => {
  const entry = fc.record({ algorithm: fc.nat(0xffff), parameters: fc.uint8Array({ maxLength: 9 }) });

  test('come back, whatever their parameters', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 4 }), entry, (offered, chosen) => {
        const message = carrying(passwordAlgorithms(offered), passwordAlgorithm(chosen));
        expect(readPasswordAlgorithms(message)).toEqual(offered);
        expect(readPasswordAlgorithm(message)).toEqual(chosen);
      }),
    );
  });

  test.each([
    ['half an entry', [0, 2]],
    ['parameters that overrun', [0, 2, 0, 1]],
    ['parameters without their padding', [0, 2, 0, 1, 0]],
  ])('with %s are malformed', (_, value) => {
    expect(readPasswordAlgorithms(raw('PASSWORD-ALGORITHMS', ...value))).toBeNull();
    expect(readPasswordAlgorithm(raw('PASSWORD-ALGORITHM', ...value))).toBeNull();
  });

  test('only one can be chosen', () => {
    expect(readPasswordAlgorithm(raw('PASSWORD-ALGORITHM', 0, 1, 0, 0, 0, 2, 0, 0))).toBeNull();
  });
});
