import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RateTable, TokenBucket } from './token-bucket.ts';

describe('TokenBucket', () => {
  test('gives its burst at once, then one token per interval', () => {
    const bucket = new TokenBucket({ burst: 3, perSecond: 2 }, 1000);
    expect([1000, 1000, 1000, 1000].map((nowMs) => bucket.take(nowMs))).toEqual([true, true, true, false]);
    expect(bucket.take(1499)).toBe(false);
    expect(bucket.take(1500)).toBe(true);
    expect(bucket.take(1500)).toBe(false);
  });

  test('saves up no more than its burst', () => {
    const bucket = new TokenBucket({ burst: 2, perSecond: 10 }, 0);
    expect([1e9, 1e9, 1e9].map((nowMs) => bucket.take(nowMs))).toEqual([true, true, false]);
  });

  test('drains to nothing, not below', () => {
    const bucket = new TokenBucket({ burst: 5, perSecond: 1 }, 0);
    bucket.drain(100);
    expect(bucket.take(999)).toBe(false);
    expect(bucket.take(1000)).toBe(true);
  });

  test('never lets through more than burst + rate * time', () => {
    const rate = { burst: 7, perSecond: 3 };
    fc.assert(
      fc.property(fc.array(fc.nat(2000), { maxLength: 200 }), (gapsMs) => {
        const bucket = new TokenBucket(rate, 0);
        let nowMs = 0;
        let taken = 0;
        for (const gapMs of gapsMs) {
          nowMs += gapMs;
          if (bucket.take(nowMs)) taken += 1;
        }
        expect(taken).toBeLessThanOrEqual(rate.burst + (nowMs / 1000) * rate.perSecond);
      }),
    );
  });
});

describe('RateTable', () => {
  test('keeps keys apart', () => {
    const table = new RateTable({ burst: 1, perSecond: 1 }, 10);
    expect([table.take('a', 0), table.take('a', 0), table.take('b', 0)]).toEqual([true, false, true]);
  });

  test('remembers a bounded number of keys and forgets the one unseen longest', () => {
    const table = new RateTable({ burst: 1, perSecond: 0.001 }, 3);
    for (const key of ['a', 'b', 'c', 'a', 'd']) table.take(key, 0);
    expect(table.size).toBe(3);
    expect(table.take('a', 0)).toBe(false);
    expect(table.take('b', 0)).toBe(true);
  });
});
