import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { lv } from './lv.ts';
import { ROLE_TAG, type Role } from './role.ts';

/** SHA-256 of the certificates that the two ends of one connection presented: 32 raw bytes each. */
export interface Fingerprints {
  readonly sender: Uint8Array;
  readonly receiver: Uint8Array;
}

const FINGERPRINT_BYTES = 32;

/** What `role` says first on the lane `laneId` of a connection with these fingerprints: 32 bytes. */
export function laneProof(
  bindKey: Uint8Array,
  role: Role,
  laneId: string,
  { sender, receiver }: Fingerprints,
): Uint8Array<ArrayBuffer> {
  // Where a platform cannot tell, it may say so with an empty buffer, and two of those would agree.
  if (sender.length !== FINGERPRINT_BYTES || receiver.length !== FINGERPRINT_BYTES) {
    throw new RangeError(`a certificate's fingerprint has ${FINGERPRINT_BYTES} bytes`);
  }
  return Uint8Array.from(hmac(sha256, bindKey, lv('dc', ROLE_TAG[role], laneId, sender, receiver)));
}
