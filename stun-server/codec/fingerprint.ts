import { crc32 } from 'node:zlib';
import { ATTRIBUTE, appendAttribute, type ReceivedAttribute } from './attribute.ts';
import { readUint32, writeUint32 } from './big-endian.ts';
import { HEADER_BYTES, writeLength } from './header.ts';

const VALUE_BYTES = 4;
const ATTRIBUTE_BYTES = 4 + VALUE_BYTES;
const XOR = 0x5354554e;

/** The message with a FINGERPRINT at its end; nothing may be appended after it. @see RFC 8489 section 14.7 */
export function withFingerprint(message: Uint8Array): Uint8Array {
  const hashed = Uint8Array.from(message);
  // "this value must be correct and include the CRC attribute as part of the message length"
  writeLength(hashed, message.length - HEADER_BYTES + ATTRIBUTE_BYTES);
  const value = new Uint8Array(VALUE_BYTES);
  writeUint32(value, 0, crc32(hashed) ^ XOR);
  return appendAttribute(hashed, { type: ATTRIBUTE.FINGERPRINT, value });
}

/** Whether a FINGERPRINT is the message's last attribute and right for the bytes before it. */
export function isFingerprintValid(message: Uint8Array, fingerprint: ReceivedAttribute): boolean {
  if (fingerprint.value.length !== VALUE_BYTES) return false;
  if (fingerprint.offset + ATTRIBUTE_BYTES !== message.length) return false;
  const expected = (crc32(message.subarray(0, fingerprint.offset)) ^ XOR) >>> 0;
  return readUint32(fingerprint.value, 0) === expected;
}
