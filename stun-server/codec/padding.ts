import { type Attribute, DISCOVERY_ATTRIBUTE } from './attribute.ts';
import { findAttribute, type StunMessage } from './message.ts';

/** Makes a message so large that IP cuts it into fragments. @see RFC 5780 section 7.6 */
export function padding(sizeBytes: number): Attribute {
  return { type: DISCOVERY_ATTRIBUTE.PADDING, value: new Uint8Array(sizeBytes) };
}

/** @returns undefined where it is absent; its content "does not matter". */
export function readPaddingBytes(message: StunMessage): number | undefined {
  return findAttribute(message, DISCOVERY_ATTRIBUTE.PADDING)?.value.length;
}
