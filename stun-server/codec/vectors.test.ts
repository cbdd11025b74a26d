import { describe, expect, test } from 'vitest';
import { VECTORS } from '../testing/vectors.ts';
import { ATTRIBUTE } from './attribute.ts';
import { longTermKey, readUserhash, shortTermKey, userhash } from './credential.ts';
import { withFingerprint } from './fingerprint.ts';
import { BINDING } from './header.ts';
import { decodeMessage, encodeMessage, findAttribute, type StunMessage } from './message.ts';
import {
  hasMessageIntegrity,
  hasMessageIntegritySha256,
  withMessageIntegrity,
  withMessageIntegritySha256,
} from './message-integrity.ts';
import { PASSWORD_ALGORITHM, passwordAlgorithm, readPasswordAlgorithm } from './password-algorithm.ts';
import { readText, textAttribute } from './text-attributes.ts';
import { readXorMappedAddress, xorMappedAddress } from './xor-mapped-address.ts';

const ICE_KEY = shortTermKey('VOkJxbRl1RmTxUk/WvJxBt');
const MATRIX = { username: 'マトリックス', realm: 'example.org', password: 'TheMatrIX' };
const WRONG_KEY = shortTermKey('VOkJxbRl1RmTxUk/WvJxBT');

function decoded(bytes: Uint8Array): StunMessage {
  const message = decodeMessage(bytes);
  if (message === null) throw new Error('the vector does not decode');
  return message;
}

const flipped = (bytes: Uint8Array, offset: number) =>
  bytes.map((byte, i) => (i === offset ? byte ^ 1 : byte));

describe('RFC 5769', () => {
  test('2.1, a request whose padding is spaces', () => {
    const message = decoded(VECTORS.request);
    expect(message).toMatchObject({ messageClass: 'request', method: BINDING });
    expect(readText(message, 'SOFTWARE')).toBe('STUN test client');
    expect(readText(message, 'USERNAME')).toBe('evtj:h6vY');
    expect(hasMessageIntegrity(message, ICE_KEY)).toBe(true);
    expect(hasMessageIntegrity(message, WRONG_KEY)).toBe(false);
  });

  test('2.2, an IPv4 response', () => {
    const message = decoded(VECTORS.responseIpv4);
    expect(message).toMatchObject({ messageClass: 'success', method: BINDING });
    expect(readText(message, 'SOFTWARE')).toBe('test vector');
    expect(readXorMappedAddress(message)).toEqual({ address: '192.0.2.1', port: 32853 });
    expect(hasMessageIntegrity(message, ICE_KEY)).toBe(true);
  });

  test('2.3, an IPv6 response', () => {
    const message = decoded(VECTORS.responseIpv6);
    const address = '2001:db8:1234:5678:11:2233:4455:6677';
    expect(readXorMappedAddress(message)).toEqual({ address, port: 32853 });
    expect(hasMessageIntegrity(message, ICE_KEY)).toBe(true);
  });

  test('2.4, a request with a long-term credential', () => {
    const message = decoded(VECTORS.requestLongTerm);
    expect(readText(message, 'USERNAME')).toBe(MATRIX.username);
    expect(readText(message, 'NONCE')).toBe('f//499k954d6OL34oL9FSTvy64sA');
    expect(readText(message, 'REALM')).toBe('example.org');
    expect(hasMessageIntegrity(message, longTermKey(MATRIX, 'MD5'))).toBe(true);
    expect(hasMessageIntegrity(message, longTermKey(MATRIX, 'SHA-256'))).toBe(false);
  });

  test.each(['request', 'responseIpv4', 'responseIpv6'] as const)(
    '%s: no bit before the FINGERPRINT can change unseen',
    (name) => {
      const bytes = VECTORS[name];
      for (let offset = 0; offset < bytes.length - 8; offset++)
        expect(decodeMessage(flipped(bytes, offset))).toBeNull();
    },
  );

  test('2.4: no bit before the MESSAGE-INTEGRITY can change unseen', () => {
    const key = longTermKey(MATRIX, 'MD5');
    for (let offset = 0; offset < VECTORS.requestLongTerm.length; offset++) {
      const message = decodeMessage(flipped(VECTORS.requestLongTerm, offset));
      expect(message !== null && hasMessageIntegrity(message, key)).toBe(false);
    }
  });

  test('2.2 and 2.4 come out of the encoder but for the padding, which 2.2 fills with a space', () => {
    const { transactionId } = decoded(VECTORS.responseIpv4);
    const mapped = xorMappedAddress({ address: '192.0.2.1', port: 32853 }, transactionId);
    const header = { messageClass: 'success', method: BINDING, transactionId } as const;
    const response = encodeMessage(header, [textAttribute('SOFTWARE', 'test vector'), mapped]);
    const signed = decoded(withFingerprint(withMessageIntegrity(response, ICE_KEY)));
    expect(signed.bytes.length).toBe(VECTORS.responseIpv4.length);
    expect(hasMessageIntegrity(signed, ICE_KEY)).toBe(true);

    const request = encodeMessage(
      {
        messageClass: 'request',
        method: BINDING,
        transactionId: decoded(VECTORS.requestLongTerm).transactionId,
      },
      [
        textAttribute('USERNAME', MATRIX.username),
        textAttribute('NONCE', 'f//499k954d6OL34oL9FSTvy64sA'),
        textAttribute('REALM', MATRIX.realm),
      ],
    );
    expect(withMessageIntegrity(request, longTermKey(MATRIX, 'MD5'))).toEqual(VECTORS.requestLongTerm);
  });
});

describe('RFC 8489 B.1 as erratum 6268 corrects it', () => {
  const key = longTermKey(MATRIX, 'SHA-256');
  const SHA_256 = { algorithm: PASSWORD_ALGORITHM['SHA-256'], parameters: new Uint8Array() };
  const NONCE = 'obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA';

  test('decodes and verifies', () => {
    const message = decoded(VECTORS.requestUserhash);
    expect(VECTORS.requestUserhash.length).toBe(20 + 0x90);
    expect(readUserhash(message)).toEqual(new Uint8Array(userhash(MATRIX.username, MATRIX.realm).value));
    expect(readText(message, 'NONCE')).toBe(NONCE);
    expect(readText(message, 'REALM')).toBe('example.org');
    expect(readPasswordAlgorithm(message)).toEqual(SHA_256);
    const mac = findAttribute(message, ATTRIBUTE['MESSAGE-INTEGRITY-SHA256'])?.value ?? [];
    expect(Buffer.from(mac).toString('hex')).toMatch(/^b5c7bf00.*c6518e65$/);
    expect(hasMessageIntegritySha256(message, key)).toBe(true);
    expect(hasMessageIntegritySha256(message, WRONG_KEY)).toBe(false);
    expect(hasMessageIntegrity(message, key)).toBe(false);
  });

  test('comes out of the encoder byte for byte', () => {
    const { transactionId } = decoded(VECTORS.requestUserhash);
    const request = encodeMessage({ messageClass: 'request', method: BINDING, transactionId }, [
      userhash(MATRIX.username, MATRIX.realm),
      textAttribute('NONCE', NONCE),
      textAttribute('REALM', MATRIX.realm),
      passwordAlgorithm(SHA_256),
    ]);
    expect(withMessageIntegritySha256(request, key)).toEqual(VECTORS.requestUserhash);
  });
});
