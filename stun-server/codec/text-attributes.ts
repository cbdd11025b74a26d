import { ATTRIBUTE, type Attribute } from './attribute.ts';
import { findAttribute, type StunMessage } from './message.ts';

/** RFC 8489 sections 14.3, 14.9, 14.10 and 14.14: USERNAME below 509 bytes; the others 509 encoded, 763 decoded. */
const MAX_USERNAME_BYTES = 508;
const MAX_ENCODED_BYTES = 509;
const MAX_DECODED_BYTES = 763;

type TextAttribute = 'USERNAME' | 'REALM' | 'NONCE' | 'SOFTWARE';

/**
 * An attribute whose value is text. What must be prepared (USERNAME, REALM: RFC 8265 OpaqueString) is prepared already.
 *
 * @throws RangeError where the text is longer than the attribute may be.
 */
export function textAttribute(name: TextAttribute, text: string): Attribute {
  const value = new TextEncoder().encode(text);
  const maxBytes = name === 'USERNAME' ? MAX_USERNAME_BYTES : MAX_ENCODED_BYTES;
  if (value.length > maxBytes) throw new RangeError(`${name} of ${value.length} bytes; at most ${maxBytes}`);
  return { type: ATTRIBUTE[name], value };
}

/** @returns null where it is absent, too long, or not UTF-8. */
export function readText(message: StunMessage, name: TextAttribute): string | null {
  const attribute = findAttribute(message, ATTRIBUTE[name]);
  const maxBytes = name === 'USERNAME' ? MAX_USERNAME_BYTES : MAX_DECODED_BYTES;
  return attribute === undefined || attribute.value.length > maxBytes ? null : decodeUtf8(attribute.value);
}

/** @returns null where the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
