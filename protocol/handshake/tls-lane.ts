import { expand } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { lv } from './lv.ts';
import { ROLE_TAG, type Role } from './role.ts';

const PSK_BYTES = 32;
const EXPORTED_BYTES = 32;

/** Pre-shared key of the TLS connection that is to be the lane `laneId`. @see docs/handshake.md "Lanes over TLS" */
export function tlsPsk(tlsKey: Uint8Array, laneId: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(expand(sha256, tlsKey, new TextEncoder().encode(laneId), PSK_BYTES));
}

/**
 * What `role` says first on the lane `laneId` over TLS: 32 bytes.
 * @param exported keying material of this very connection, which no other has: 32 bytes
 */
export function tlsLaneProof(
  bindKey: Uint8Array,
  role: Role,
  laneId: string,
  exported: Uint8Array,
): Uint8Array<ArrayBuffer> {
  if (exported.length !== EXPORTED_BYTES) {
    throw new RangeError(`keying material of a connection has ${EXPORTED_BYTES} bytes here`);
  }
  return Uint8Array.from(hmac(sha256, bindKey, lv('tls', ROLE_TAG[role], laneId, exported)));
}
