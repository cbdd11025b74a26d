import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { lv } from './lv.ts';

export const K_BYTES = 16;

// The library makes tables for this point at its first use, which take ten times as long as what a page does with it: one
// signature for each receiver, or one verification for a whole delivery.
ed25519.Point.BASE.precompute(1);
const CLAIM_BYTES = 16;

/** The key pair of whoever made a share: made for it and kept with it. Ed25519. */
export class OwnerKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** First 16 bytes of SHA-256(publicKey): what the link's fragment carries. */
  readonly k: Uint8Array;
  /** 16 secret bytes, the same for the same seed: with them the owner takes its place at the server back. */
  readonly claim: Uint8Array;
  readonly #seed: Uint8Array;

  /** @param seed 32 fresh random bytes, kept with the share: the same seed is the same owner */
  constructor(seed: Uint8Array) {
    this.#seed = seed.slice();
    this.publicKey = ed25519.getPublicKey(this.#seed);
    this.k = ownerFingerprint(this.publicKey);
    this.claim = sha256(lv('sp1 claim', this.#seed)).slice(0, CLAIM_BYTES);
  }

  /** Signs the run with this transcript hash: only its owner answers for a share. 64 bytes. */
  sign(th: Uint8Array): Uint8Array {
    return ed25519.sign(signedBytes(th), this.#seed);
  }
}

/** K: the first 16 bytes of SHA-256 of an owner's public key. */
export function ownerFingerprint(publicKey: Uint8Array): Uint8Array {
  return sha256(publicKey).slice(0, K_BYTES);
}

/** Whether the holder of `publicKey` signed the run with this transcript hash. */
export function isSignedByOwner(publicKey: Uint8Array, signature: Uint8Array, th: Uint8Array): boolean {
  // RFC 8032's rules, not ZIP 215's looser ones: every implementation must come to the same answer.
  return ed25519.verify(signature, signedBytes(th), publicKey, { zip215: false });
}

function signedBytes(th: Uint8Array): Uint8Array {
  return lv('sp1 owner', th);
}
