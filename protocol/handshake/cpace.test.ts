import { ristretto255 } from '@noble/curves/ed25519.js';
import { hexToBytes as bytes, bytesToHex as hex } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { ProtocolViolation } from '../errors.ts';
import { type CpaceExchange, cpaceGenerator, cpaceKey, cpaceShare } from './cpace.ts';
import vectors from './testdata/cpace-draft-21.json' with { type: 'json' };

const { run } = vectors;
const input = { prs: bytes(run.prs), ci: bytes(run.ci), sid: bytes(run.sid) };
const exchange: CpaceExchange = {
  ya: bytes(run.Ya),
  ada: bytes(run.ADa),
  yb: bytes(run.Yb),
  adb: bytes(run.ADb),
};

describe('CPACE-RISTR255-SHA512 against the draft', () => {
  it('makes the generator', () => {
    expect(hex(cpaceGenerator(input).toBytes())).toBe(run.g);
  });

  it('makes both shares', () => {
    expect(hex(cpaceShare(input, bytes(run.ya)).share)).toBe(run.Ya);
    expect(hex(cpaceShare(input, bytes(run.yb)).share)).toBe(run.Yb);
  });

  it('makes the same key on both sides', () => {
    const a = cpaceShare(input, bytes(run.ya));
    const b = cpaceShare(input, bytes(run.yb));
    expect(hex(cpaceKey(a.scalar, exchange.yb, input.sid, exchange))).toBe(run.ISK_IR);
    expect(hex(cpaceKey(b.scalar, exchange.ya, input.sid, exchange))).toBe(run.ISK_IR);
  });

  it('takes the draft’s valid share', () => {
    const { scalar } = cpaceShare(input, bytes(run.ya));
    expect(cpaceKey(scalar, bytes(vectors.validShare), input.sid, exchange)).toHaveLength(64);
  });

  it.each(vectors.invalidShares)('refuses $why', ({ share }) => {
    const { scalar } = cpaceShare(input, bytes(run.ya));
    expect(() => cpaceKey(scalar, bytes(share), input.sid, exchange)).toThrow(ProtocolViolation);
  });
});

const P = 2n ** 255n - 19n;
const leBytes = (value: bigint) => bytes(value.toString(16).padStart(64, '0')).reverse();
const base = ristretto255.Point.BASE.toBytes();
const baseValue = BigInt(`0x${hex(base.slice().reverse())}`);

/** Encodings that RFC 9496 (4.3.1) has decoders refuse, each for its own reason. */
const INTERESTING_SHARES = [
  { why: 'zero written as p', share: leBytes(P) },
  { why: 'negative: the other square root of the base', share: leBytes(P - baseValue) },
  { why: 'the base with its unused top bit set', share: leBytes(baseValue | (1n << 255n)) },
  { why: 'all ones', share: new Uint8Array(32).fill(255) },
  { why: 'an Ed25519 point of small order', share: leBytes(1n) },
  { why: 'one byte short', share: base.subarray(1) },
  { why: 'one byte long', share: new Uint8Array([...base, 0]) },
  { why: 'empty', share: new Uint8Array(0) },
];

describe('a share', () => {
  it.each(INTERESTING_SHARES)('is refused: $why', ({ share }) => {
    const { scalar } = cpaceShare(input, bytes(run.ya));
    expect(() => cpaceKey(scalar, share, input.sid, exchange)).toThrow(ProtocolViolation);
  });

  it('needs a scalar of 32 bytes that is not zero', () => {
    expect(() => cpaceShare(input, new Uint8Array(31))).toThrow(RangeError);
    expect(() => cpaceShare(input, new Uint8Array(32))).toThrow(RangeError);
  });

  it('ignores the bits above 252', () => {
    const scalar = bytes(run.ya);
    scalar[31] = (scalar[31] ?? 0) | 0xf0;
    expect(hex(cpaceShare(input, scalar).share)).toBe(run.Ya);
  });
});
