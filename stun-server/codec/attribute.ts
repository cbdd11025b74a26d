import { readUint16, writeUint16 } from './big-endian.ts';
import { HEADER_BYTES, writeLength } from './header.ts';

/** The attributes of RFC 8489 by their IANA names. Below 0x8000 a receiver must understand what it gets. */
export const ATTRIBUTE = {
  'MAPPED-ADDRESS': 0x0001,
  USERNAME: 0x0006,
  'MESSAGE-INTEGRITY': 0x0008,
  'ERROR-CODE': 0x0009,
  'UNKNOWN-ATTRIBUTES': 0x000a,
  REALM: 0x0014,
  NONCE: 0x0015,
  'MESSAGE-INTEGRITY-SHA256': 0x001c,
  'PASSWORD-ALGORITHM': 0x001d,
  USERHASH: 0x001e,
  'XOR-MAPPED-ADDRESS': 0x0020,
  'PASSWORD-ALGORITHMS': 0x8002,
  'ALTERNATE-DOMAIN': 0x8003,
  SOFTWARE: 0x8022,
  'ALTERNATE-SERVER': 0x8023,
  FINGERPRINT: 0x8028,
} as const;

/** One attribute: its number and its value without padding. */
export interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/** An attribute where it was found: `offset` counts from the message's first byte, `value` is a view of the message. */
export interface ReceivedAttribute extends Attribute {
  readonly offset: number;
}

const ATTRIBUTE_HEADER_BYTES = 4;

/** Bytes on the wire, padding included. */
export function attributeBytes(attribute: Attribute): number {
  return ATTRIBUTE_HEADER_BYTES + padded(attribute.value.length);
}

/** @returns the offset behind the attribute and its padding, which is zeros. */
export function writeAttribute(target: Uint8Array, offset: number, attribute: Attribute): number {
  writeUint16(target, offset, attribute.type);
  writeUint16(target, offset + 2, attribute.value.length);
  target.set(attribute.value, offset + ATTRIBUTE_HEADER_BYTES);
  return offset + attributeBytes(attribute);
}

/** A copy of the message with one attribute more and the length that it then has. */
export function appendAttribute(message: Uint8Array, attribute: Attribute): Uint8Array {
  const bytes = new Uint8Array(message.length + attributeBytes(attribute));
  bytes.set(message);
  writeLength(bytes, bytes.length - HEADER_BYTES);
  writeAttribute(bytes, message.length, attribute);
  return bytes;
}

/**
 * Every attribute of a message whose length is a multiple of four, in order.
 *
 * @returns null where one overruns the message.
 */
export function readAttributes(message: Uint8Array): ReceivedAttribute[] | null {
  const attributes: ReceivedAttribute[] = [];
  let offset = HEADER_BYTES;
  while (offset < message.length) {
    const start = offset + ATTRIBUTE_HEADER_BYTES;
    const end = start + readUint16(message, offset + 2);
    if (end > message.length) return null;
    attributes.push({ type: readUint16(message, offset), value: message.subarray(start, end), offset });
    offset = padded(end);
  }
  return attributes;
}

export function padded(sizeBytes: number): number {
  return (sizeBytes + 3) & ~3;
}
