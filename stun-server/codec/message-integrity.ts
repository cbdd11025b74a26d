import { createHmac, timingSafeEqual } from 'node:crypto';
import { ATTRIBUTE, appendAttribute, attributesBytes } from './attribute.ts';
import { HEADER_BYTES, writeLength } from './header.ts';
import { findAttribute, type StunMessage } from './message.ts';

/** Whole digests only: a STUN usage would have to allow truncation, and Binding does not (RFC 8489 section 14.6). */
const MAC_BYTES = { sha1: 20, sha256: 32 } as const;
type Hash = keyof typeof MAC_BYTES;

/** @param key from `credential.ts`. @see RFC 8489 section 14.5 */
export function withMessageIntegrity(message: Uint8Array, key: Uint8Array): Uint8Array {
  return withMac(message, key, 'sha1');
}

/** Comes after MESSAGE-INTEGRITY where a message has both. @see RFC 8489 section 14.6 */
export function withMessageIntegritySha256(message: Uint8Array, key: Uint8Array): Uint8Array {
  return withMac(message, key, 'sha256');
}

/** Whether the message has a MESSAGE-INTEGRITY that `key` made. Takes the same time wherever a wrong one differs. */
export function hasMessageIntegrity(message: StunMessage, key: Uint8Array): boolean {
  return hasMac(message, key, 'sha1');
}

/** Whether the message has a MESSAGE-INTEGRITY-SHA256 that `key` made. */
export function hasMessageIntegritySha256(message: StunMessage, key: Uint8Array): boolean {
  return hasMac(message, key, 'sha256');
}

function withMac(message: Uint8Array, key: Uint8Array, hash: Hash): Uint8Array {
  return appendAttribute(message, { type: attributeType(hash), value: mac(message, key, hash) });
}

function hasMac(message: StunMessage, key: Uint8Array, hash: Hash): boolean {
  const attribute = findAttribute(message, attributeType(hash));
  if (attribute === undefined || attribute.value.length !== MAC_BYTES[hash]) return false;
  return timingSafeEqual(attribute.value, mac(message.bytes.subarray(0, attribute.offset), key, hash));
}

/** Over all that precedes the attribute, with the length that the message has when it ends with the attribute. */
function mac(preceding: Uint8Array, key: Uint8Array, hash: Hash): Uint8Array {
  const macAttribute = { type: attributeType(hash), value: new Uint8Array(MAC_BYTES[hash]) };
  const header = preceding.slice(0, HEADER_BYTES);
  writeLength(header, preceding.length - HEADER_BYTES + attributesBytes([macAttribute]));
  return createHmac(hash, key).update(header).update(preceding.subarray(HEADER_BYTES)).digest();
}

function attributeType(hash: Hash): number {
  return hash === 'sha1' ? ATTRIBUTE['MESSAGE-INTEGRITY'] : ATTRIBUTE['MESSAGE-INTEGRITY-SHA256'];
}
