import { ATTRIBUTE, type Attribute } from './attribute.ts';
import { readUint16, writeUint16 } from './big-endian.ts';
import { findAttribute, type StunMessage } from './message.ts';

const UNDERSTOOD: ReadonlySet<number> = new Set(Object.values(ATTRIBUTE));
const NO_MORE: ReadonlySet<number> = new Set();
const FIRST_COMPREHENSION_OPTIONAL = 0x8000;

/**
 * The comprehension-required attributes of a message that RFC 8489 does not define, each once, in order.
 *
 * @param more attributes of other RFCs that the receiver understands in this message.
 */
export function notUnderstood(message: StunMessage, more = NO_MORE): number[] {
  const isUnknown = (type: number) =>
    type < FIRST_COMPREHENSION_OPTIONAL && !UNDERSTOOD.has(type) && !more.has(type);
  return [...new Set(message.attributes.map(({ type }) => type).filter(isUnknown))];
}

/** Goes with a 420. @see RFC 8489 section 14.13 */
export function unknownAttributes(types: readonly number[]): Attribute {
  const value = new Uint8Array(2 * types.length);
  types.forEach((type, i) => {
    writeUint16(value, 2 * i, type);
  });
  return { type: ATTRIBUTE['UNKNOWN-ATTRIBUTES'], value };
}

/** @returns null where it is absent or malformed. */
export function readUnknownAttributes(message: StunMessage): number[] | null {
  const value = findAttribute(message, ATTRIBUTE['UNKNOWN-ATTRIBUTES'])?.value;
  if (value === undefined || value.length % 2 !== 0) return null;
  return Array.from({ length: value.length / 2 }, (_, i) => readUint16(value, 2 * i));
}
