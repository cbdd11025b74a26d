import {
  ATTRIBUTE,
  type Attribute,
  attributesBytes,
  type ReceivedAttribute,
  readAttributes,
  writeAttributes,
} from './attribute.ts';
import { isFingerprintValid } from './fingerprint.ts';
import { HEADER_BYTES, type MessageHeader, readHeader, writeHeader } from './header.ts';

/** A message as received. `bytes` is the caller's memory, which everything here is a view of: integrity is computed over it. */
export interface StunMessage extends MessageHeader {
  readonly bytes: Uint8Array;
  /** Those that count, in order: what follows an integrity attribute unprotected is left out. */
  readonly attributes: readonly ReceivedAttribute[];
}

/**
 * One whole STUN message. MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT are put on it, in this
 * order, by `withMessageIntegrity`, `withMessageIntegritySha256` and `withFingerprint`.
 *
 * @throws RangeError where a value does not fit its field.
 * @see RFC 8489 section 5
 */
export function encodeMessage(header: MessageHeader, attributes: readonly Attribute[] = []): Uint8Array {
  const sizeBytes = attributesBytes(attributes);
  const bytes = new Uint8Array(HEADER_BYTES + sizeBytes);
  writeHeader(bytes, header, sizeBytes);
  writeAttributes(bytes, HEADER_BYTES, attributes);
  return bytes;
}

/**
 * Reads one whole message, a datagram or a frame.
 *
 * @returns null for whatever a receiver must discard in silence: a wrong header or cookie, a length other than
 * `bytes`', an attribute that overruns, a FINGERPRINT that is wrong or not the last attribute.
 * @see RFC 8489 section 6.3
 */
export function decodeMessage(bytes: Uint8Array): StunMessage | null {
  const header = readHeader(bytes);
  if (header === null) return null;
  const all = readAttributes(bytes, HEADER_BYTES);
  if (all === null) return null;
  const fingerprint = all.find(({ type }) => type === ATTRIBUTE.FINGERPRINT);
  if (fingerprint !== undefined && !isFingerprintValid(bytes, fingerprint)) return null;
  const { messageClass, method, transactionId } = header;
  return { messageClass, method, transactionId, bytes, attributes: protectedAttributes(all) };
}

/** The first attribute of a type, which is the one that counts (RFC 8489 section 14). */
export function findAttribute(message: StunMessage, type: number): ReceivedAttribute | undefined {
  return message.attributes.find((attribute) => attribute.type === type);
}

/**
 * "With the exception of the MESSAGE-INTEGRITY-SHA256 and FINGERPRINT attributes, which appear after
 * MESSAGE-INTEGRITY, agents MUST ignore all other attributes that follow MESSAGE-INTEGRITY", and with the
 * exception of FINGERPRINT all that follow MESSAGE-INTEGRITY-SHA256 (RFC 8489 sections 14.5 and 14.6).
 */
function protectedAttributes(all: ReceivedAttribute[]): ReceivedAttribute[] {
  let allowed: ReadonlySet<number> | null = null;
  return all.filter(({ type }) => {
    if (allowed !== null && !allowed.has(type)) return false;
    allowed = ALLOWED_AFTER.get(type) ?? allowed;
    return true;
  });
}

const ALLOWED_AFTER: ReadonlyMap<number, ReadonlySet<number>> = new Map([
  [ATTRIBUTE['MESSAGE-INTEGRITY'], new Set([ATTRIBUTE['MESSAGE-INTEGRITY-SHA256'], ATTRIBUTE.FINGERPRINT])],
  [ATTRIBUTE['MESSAGE-INTEGRITY-SHA256'], new Set([ATTRIBUTE.FINGERPRINT])],
]);
