import { readUint16, readUint32, writeUint16, writeUint32 } from './big-endian.ts';

/** Bytes before the first attribute. @see RFC 8489 section 5 */
export const HEADER_BYTES = 20;
export const MAGIC_COOKIE = 0x2112a442;
export const TRANSACTION_ID_BYTES = 12;

/** The Binding method's number in IANA's registry. */
export const BINDING = 0x001;

const CLASSES = ['request', 'indication', 'success', 'error'] as const;

export type MessageClass = (typeof CLASSES)[number];

/** What a message is and to which transaction it belongs. `transactionId` is 12 bytes. */
export interface MessageHeader {
  readonly messageClass: MessageClass;
  readonly method: number;
  readonly transactionId: Uint8Array;
}

/**
 * Writes the 20 bytes of a header.
 *
 * @param sizeBytes of the attributes that follow, their padding included.
 * @throws RangeError where a field does not fit.
 */
export function writeHeader(target: Uint8Array, header: MessageHeader, sizeBytes: number): void {
  const { messageClass, method, transactionId } = header;
  if (method < 0 || method > 0xfff) throw new RangeError(`Not a STUN method: ${method}`);
  if (transactionId.length !== TRANSACTION_ID_BYTES)
    throw new RangeError(`A transaction id has 12 bytes, not ${transactionId.length}`);
  writeUint16(target, 0, messageType(CLASSES.indexOf(messageClass), method));
  writeUint32(target, 4, MAGIC_COOKIE);
  target.set(transactionId, 8);
  writeLength(target, sizeBytes);
}

/** @throws RangeError where the attributes exceed the 16-bit length field. */
export function writeLength(target: Uint8Array, sizeBytes: number): void {
  if (sizeBytes > 0xffff) throw new RangeError(`STUN attributes of ${sizeBytes} bytes do not fit a message`);
  writeUint16(target, 2, sizeBytes);
}

/**
 * Reads the header of one whole message.
 *
 * @returns null unless the first two bits, the length and the magic cookie are right. The id is a view.
 * @see RFC 8489 section 6.3
 */
export function readHeader(bytes: Uint8Array): MessageHeader | null {
  if (bytes.length < HEADER_BYTES) return null;
  const type = readUint16(bytes, 0);
  const sizeBytes = readUint16(bytes, 2);
  if (type > 0x3fff || sizeBytes % 4 !== 0 || sizeBytes !== bytes.length - HEADER_BYTES) return null;
  if (readUint32(bytes, 4) !== MAGIC_COOKIE) return null;
  return {
    messageClass: CLASSES[((type >> 7) & 0b10) | ((type >> 4) & 0b01)] ?? 'request',
    method: ((type >> 2) & 0xf80) | ((type >> 1) & 0x70) | (type & 0xf),
    transactionId: bytes.subarray(8, HEADER_BYTES),
  };
}

/** The two class bits lie between the method's: M11–M7 C1 M6–M4 C0 M3–M0 (RFC 8489 figure 3). */
function messageType(messageClass: number, method: number): number {
  return (
    ((method & 0xf80) << 2) |
    ((messageClass & 0b10) << 7) |
    ((method & 0x70) << 1) |
    ((messageClass & 0b01) << 4) |
    (method & 0xf)
  );
}
