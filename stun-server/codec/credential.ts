import { createHash } from 'node:crypto';
import { ATTRIBUTE, type Attribute } from './attribute.ts';
import { findAttribute, type StunMessage } from './message.ts';

const USERHASH_BYTES = 32;

/** Names and passwords arrive prepared: RFC 8265 OpaqueString (RFC 5389: SASLprep) is the caller's. */
export interface LongTermCredential {
  readonly username: string;
  readonly realm: string;
  readonly password: string;
}

/** The integrity key of a short-term credential. @see RFC 8489 section 9.1.1 */
export function shortTermKey(password: string): Uint8Array {
  return new TextEncoder().encode(password);
}

/** The integrity key of a long-term credential: MD5 unless PASSWORD-ALGORITHM says SHA-256. @see RFC 8489 section 18.5.1 */
export function longTermKey(credential: LongTermCredential, algorithm: 'MD5' | 'SHA-256'): Uint8Array {
  const { username, realm, password } = credential;
  const hash = createHash(algorithm === 'MD5' ? 'md5' : 'sha256');
  return hash.update(`${username}:${realm}:${password}`).digest();
}

/** Stands in USERNAME's place and hides it. @see RFC 8489 section 14.4 */
export function userhash(username: string, realm: string): Attribute {
  return { type: ATTRIBUTE.USERHASH, value: createHash('sha256').update(`${username}:${realm}`).digest() };
}

/** @returns null where it is absent or malformed; else a view. */
export function readUserhash(message: StunMessage): Uint8Array | null {
  const value = findAttribute(message, ATTRIBUTE.USERHASH)?.value;
  return value?.length === USERHASH_BYTES ? value : null;
}
