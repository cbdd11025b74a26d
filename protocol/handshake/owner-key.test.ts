import { sha256 } from '@noble/hashes/sha2.js';
import { hexToBytes as bytes, bytesToHex as hex } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { isSignedByOwner, OwnerKey, ownerFingerprint } from './owner-key.ts';

const SEED = bytes('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
const owner = new OwnerKey(SEED);
const th = sha256(Uint8Array.of(1));

describe('an owner', () => {
  it('has the public key that RFC 8032 (7.1, test 1) gives this seed', () => {
    expect(hex(owner.publicKey)).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
  });

  it('is named by the first 16 bytes of the SHA-256 of its public key', () => {
    expect(hex(owner.k)).toBe(hex(sha256(owner.publicKey)).slice(0, 32));
    expect(ownerFingerprint(owner.publicKey)).toEqual(owner.k);
  });

  it('claims its place by what its seed alone gives', () => {
    expect(owner.claim).toHaveLength(16);
    expect(new OwnerKey(SEED).claim).toEqual(owner.claim);
    expect(new OwnerKey(new Uint8Array(32)).claim).not.toEqual(owner.claim);
    expect(hex(SEED) + hex(owner.publicKey)).not.toContain(hex(owner.claim));
  });

  it('keeps its own copy of the seed', () => {
    const seed = SEED.slice();
    const other = new OwnerKey(seed);
    seed.fill(0);
    expect(other.sign(th)).toEqual(owner.sign(th));
  });
});

describe('a signature', () => {
  const signature = owner.sign(th);

  it('holds for its run and its key only', () => {
    const stranger = new OwnerKey(new Uint8Array(32));
    expect(isSignedByOwner(owner.publicKey, signature, th)).toBe(true);
    expect(isSignedByOwner(owner.publicKey, signature, sha256(Uint8Array.of(2)))).toBe(false);
    expect(isSignedByOwner(stranger.publicKey, signature, th)).toBe(false);
  });

  it('does not hold with a byte changed', () => {
    for (let index = 0; index < signature.length; index++) {
      const forged = signature.slice();
      forged[index] = (forged[index] ?? 0) ^ 1;
      expect(isSignedByOwner(owner.publicKey, forged, th)).toBe(false);
    }
  });

  it('is not taken under a key of small order, for which one signature holds for every message', () => {
    const identity = new Uint8Array(32);
    identity[0] = 1;
    const forged = new Uint8Array(64);
    forged.set(identity);
    expect(isSignedByOwner(identity, forged, th)).toBe(false);
  });
});
