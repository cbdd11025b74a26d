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

/** The attributes of RFC 5780, which a message must be expected to have before they are understood in it. */
export const DISCOVERY_ATTRIBUTE = {
  'CHANGE-REQUEST': 0x0003,
  PADDING: 0x0026,
  'RESPONSE-PORT': 0x0027,
  'RESPONSE-ORIGIN': 0x802b,
  'OTHER-ADDRESS': 0x802c,
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
export function attributesBytes(attributes: readonly Attribute[]): number {
  return attributes.reduce((sum, { value }) => sum + ATTRIBUTE_HEADER_BYTES + padded(value.length), 0);
}

/** Writes attributes one after another from `start`; where they are padded, `target` keeps its zeros. */
export function writeAttributes(target: Uint8Array, start: number, attributes: readonly Attribute[]): void {
  let offset = start;
  for (const { type, value } of attributes) {
    writeUint16(target, offset, type);
    writeUint16(target, offset + 2, value.length);
    target.set(value, offset + ATTRIBUTE_HEADER_BYTES);
    offset += ATTRIBUTE_HEADER_BYTES + padded(value.length);
  }
}

/** A copy of the message with one attribute more and the length that it then has. */
export function appendAttribute(message: Uint8Array, attribute: Attribute): Uint8Array {
  const bytes = new Uint8Array(message.length + attributesBytes([attribute]));
  bytes.set(message);
  writeLength(bytes, bytes.length - HEADER_BYTES);
  writeAttributes(bytes, message.length, [attribute]);
  return bytes;
}

/**
 * Attributes one after another up to the end of `bytes`, whose length is a multiple of four.
 *
 * @param start where the first one begins.
 * @returns null where one overruns the end.
 */
export function readAttributes(bytes: Uint8Array, start: number): ReceivedAttribute[] | null {
  const attributes: ReceivedAttribute[] = [];
  let offset = start;
  while (offset < bytes.length) {
    const valueStart = offset + ATTRIBUTE_HEADER_BYTES;
    const valueEnd = valueStart + readUint16(bytes, offset + 2);
    if (valueEnd > bytes.length) return null;
    attributes.push({ type: readUint16(bytes, offset), value: bytes.subarray(valueStart, valueEnd), offset });
    offset = padded(valueEnd);
  }
  return attributes;
}

function padded(sizeBytes: number): number {
  return (sizeBytes + 3) & ~3;
}
