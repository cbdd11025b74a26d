import { ATTRIBUTE, type Attribute } from './attribute.ts';
import { findAttribute, type StunMessage } from './message.ts';
import { decodeUtf8 } from './text-attributes.ts';

/** IANA's STUN error codes of RFC 8489, with the reason phrases it recommends. */
export const ERROR_REASON = {
  300: 'Try Alternate',
  400: 'Bad Request',
  401: 'Unauthenticated',
  420: 'Unknown Attribute',
  438: 'Stale Nonce',
  500: 'Server Error',
} as const;

/** `reason` is for people and of the server's choosing. */
export interface StunError {
  readonly code: number;
  readonly reason: string;
}

const REASON_OFFSET = 4;
const MAX_REASON_BYTES = 763;

/** @see RFC 8489 section 14.8 */
export function errorCode(code: keyof typeof ERROR_REASON): Attribute {
  const reason = new TextEncoder().encode(ERROR_REASON[code]);
  const value = new Uint8Array(REASON_OFFSET + reason.length);
  value.set([Math.floor(code / 100), code % 100], 2);
  value.set(reason, REASON_OFFSET);
  return { type: ATTRIBUTE['ERROR-CODE'], value };
}

/** @returns null where it is absent or malformed. */
export function readErrorCode(message: StunMessage): StunError | null {
  const value = findAttribute(message, ATTRIBUTE['ERROR-CODE'])?.value;
  if (value === undefined || value.length < REASON_OFFSET) return null;
  // "The Class represents the hundreds digit of the error code" in three bits; the 21 before it are reserved.
  const hundreds = (value[2] ?? 0) & 0b111;
  const number = value[3] ?? 0;
  const reason = value.subarray(REASON_OFFSET);
  if (hundreds < 3 || hundreds > 6 || number > 99 || reason.length > MAX_REASON_BYTES) return null;
  const text = decodeUtf8(reason);
  return text === null ? null : { code: hundreds * 100 + number, reason: text };
}
