import { type Attribute, DISCOVERY_ATTRIBUTE } from './attribute.ts';
import { readUint16, writeUint16 } from './big-endian.ts';
import { findAttribute, type StunMessage } from './message.ts';

const PORT_BYTES = 2;
const VALUE_BYTES = 4;

/** The port that the response shall go to instead of the request's own. @see RFC 5780 section 7.5 */
export function responsePort(port: number): Attribute {
  const value = new Uint8Array(VALUE_BYTES);
  writeUint16(value, 0, port);
  return { type: DISCOVERY_ATTRIBUTE['RESPONSE-PORT'], value };
}

/**
 * "A 16-bit unsigned integer in network byte order followed by 2 bytes of padding": whether the length counts
 * the padding is left open, so both are read.
 *
 * @returns undefined where it is absent; null where it is malformed.
 */
export function readResponsePort(message: StunMessage): number | null | undefined {
  const value = findAttribute(message, DISCOVERY_ATTRIBUTE['RESPONSE-PORT'])?.value;
  if (value === undefined) return undefined;
  return value.length === PORT_BYTES || value.length === VALUE_BYTES ? readUint16(value, 0) : null;
}
