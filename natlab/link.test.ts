import { describe, expect, test } from 'vitest';
import { type Link, linkemSettings, netemArguments, resolveLink } from './link.ts';

const PERFECT = {
  delayMs: 0,
  jitterMs: 0,
  rateMbit: 0,
  queueKib: 64,
  lossPercent: 0,
  reorderPercent: 0,
};

describe('resolveLink', () => {
  test('a link that says nothing is perfect', () => {
    expect(resolveLink({})).toEqual({ up: PERFECT, down: PERFECT, seed: 0 });
  });

  test('what is said once holds both ways, and each way may differ', () => {
    const { up, down } = resolveLink({
      delayMs: 25,
      lossPercent: 1,
      up: { delayMs: 5 },
      down: { rateMbit: 8 },
    });
    expect(up).toEqual({ ...PERFECT, delayMs: 5, lossPercent: 1 });
    expect(down).toEqual({ ...PERFECT, delayMs: 25, lossPercent: 1, rateMbit: 8 });
  });

  test('the queue holds what the rate moves in a round trip, at least 64 KiB and at most the bound', () => {
    const link = resolveLink({ up: { delayMs: 10, rateMbit: 200 }, down: { delayMs: 40, rateMbit: 8 } });
    expect(link.up.queueKib).toBeCloseTo((200e6 / 8 / 1024) * 0.05);
    expect(link.down.queueKib).toBe(64);
    expect(resolveLink({ delayMs: 10_000, rateMbit: 1000 }).up.queueKib).toBe(65_536);
    expect(resolveLink({ delayMs: 25, rateMbit: 200, queueKib: 10 }).up.queueKib).toBe(10);
  });

  test.each<[Link, string]>([
    [{ delayMs: -1 }, 'delayMs (up) is -1: write a number of 0 to 10000.'],
    [{ down: { delayMs: 10_001 } }, 'delayMs (down) is 10001'],
    [{ rateMbit: Number.NaN }, 'rateMbit (up) is NaN'],
    [{ rateMbit: Number.POSITIVE_INFINITY }, 'rateMbit (up) is Infinity'],
    [{ rateMbit: 0.0001 }, '0 for no limit, or at least 0.001'],
    [{ queueKib: 1 }, 'queueKib (up) is 1: write a number of 2 to 65536.'],
    [{ lossPercent: 100.5 }, 'lossPercent (up) is 100.5: write a number of 0 to 100.'],
    [{ delayMs: 5, jitterMs: 6 }, 'jitterMs (up) is 6: write at most delayMs (5)'],
    [{ up: { reorderPercent: 1 } }, 'reorderPercent (up) is 1: write 0, or a delayMs as well'],
    [{ seed: 0.5 }, 'seed is 0.5: write a whole number'],
    [{ seed: 2 ** 32 }, 'seed is 4294967296'],
  ])('%j is refused with what to write instead', (link, message) => {
    expect(() => resolveLink(link)).toThrow(RangeError);
    expect(() => resolveLink(link)).toThrow(message);
  });
});

test('linkem is told every setting, and no number with an exponent', () => {
  const { up } = resolveLink({ delayMs: 25, jitterMs: 0.0000011, rateMbit: 100_000, lossPercent: 1 / 3 });
  expect(linkemSettings('a->b', up)).toBe(
    'a->b delay 25 jitter 0.000001 rate 100000 queue 65536 loss 0.333333 reorder 0',
  );
});

describe('netemArguments', () => {
  const words = (link: Link, seed?: number) => netemArguments(resolveLink(link).up, seed).join(' ');

  test('a perfect direction holds as many frames as come', () => {
    expect(words({})).toBe('netem limit 65536');
  });

  test('everything at once, in units that tc knows', () => {
    const link = { delayMs: 25, jitterMs: 5, rateMbit: 200, lossPercent: 0.5, reorderPercent: 2 };
    // 1,250,000 bytes of queue and 750,000 on their way, in frames of 1,514.
    expect(words(link, 7)).toBe(
      'netem limit 1322 delay 25ms 5ms loss random 0.5% reorder 2% rate 200000kbit seed 7',
    );
  });

  test('jitter without a rate is given one, as netem would reorder by it', () => {
    expect(words({ delayMs: 25, jitterMs: 5 })).toBe('netem limit 65536 delay 25ms 5ms rate 10gbit');
  });
});
