import { ristretto255, ristretto255_hasher } from '@noble/curves/ed25519.js';
import { bytesToNumberLE } from '@noble/curves/utils.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { ProtocolViolation } from '../errors.ts';
import { concat, lv } from './lv.ts';

/**
 * CPACE-RISTR255-SHA512 in the initiator/responder setting: two sides with the same `prs` get the same key, and
 * whoever does not have it can test one guess per run.
 * @see draft-irtf-cfrg-cpace-21, sections 7.2 and 8.3
 */
export interface CpaceInput {
  /** The password-related string. */
  readonly prs: Uint8Array;
  /** The channel identifier: where the two meet. */
  readonly ci: Uint8Array;
  /** The session identifier: which run this is. */
  readonly sid: Uint8Array;
}

/** What the two messages carry: `a` the initiator's share and associated data, `b` the responder's. */
export interface CpaceExchange {
  readonly ya: Uint8Array;
  readonly ada: Uint8Array;
  readonly yb: Uint8Array;
  readonly adb: Uint8Array;
}

export const SCALAR_BYTES = 32;

const DSI = 'CPaceRistretto255';
const SHA512_BLOCK_BYTES = 128;

type Point = InstanceType<typeof ristretto255.Point>;

/** One side's secret scalar and the share it sends. @param random 32 fresh bytes, never used again */
export function cpaceShare(input: CpaceInput, random: Uint8Array): { scalar: bigint; share: Uint8Array } {
  const scalar = sampleScalar(random);
  return { scalar, share: cpaceGenerator(input).multiply(scalar).toBytes() };
}

/**
 * The intermediate session key, 64 bytes.
 * @throws ProtocolViolation for a peer share that is no canonical encoding of an element, or encodes the identity
 */
export function cpaceKey(
  scalar: bigint,
  peerShare: Uint8Array,
  sid: Uint8Array,
  { ya, ada, yb, adb }: CpaceExchange,
): Uint8Array {
  const shared = decodeShare(peerShare).multiply(scalar).toBytes();
  return sha512(concat(lv(`${DSI}_ISK`, sid, shared), lv(ya, ada), lv(yb, adb)));
}

/** The generator that stands for the password in this run. */
export function cpaceGenerator({ prs, ci, sid }: CpaceInput): Point {
  // "The encoding of DSI and PRS together with the zero padding field completely fills at least the first input block."
  const zeros = new Uint8Array(Math.max(0, SHA512_BLOCK_BYTES - 1 - lv(prs).length - lv(DSI).length));
  return ristretto255_hasher.deriveToCurve?.(sha512(lv(DSI, prs, zeros, ci, sid))) as Point;
}

/** "Clear the most significant bits larger than G.group_size_bits": 252 bits, little-endian. */
function sampleScalar(random: Uint8Array): bigint {
  if (random.length !== SCALAR_BYTES) throw new RangeError(`a scalar takes ${SCALAR_BYTES} random bytes`);
  return bytesToNumberLE(random) & ((1n << 252n) - 1n);
}

function decodeShare(share: Uint8Array): Point {
  let point: Point;
  try {
    point = ristretto255.Point.fromBytes(share);
  } catch {
    throw new ProtocolViolation('a share that is no element of the group');
  }
  // In a group of prime order and with a scalar that is not zero, K = G.I just when the share is: "A MUST abort if K=G.I".
  if (point.is0()) throw new ProtocolViolation('a share that is the identity');
  return point;
}
