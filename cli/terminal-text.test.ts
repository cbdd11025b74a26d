import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatSeconds, formatSecondsLeft, progressLine } from './terminal-text.ts';

test.each([
  [0, '0.1 s'],
  [0.234, '0.2 s'],
  [9.94, '9.9 s'],
  [9.95, '10 s'],
  [59, '59 s'],
  [59.1, '1 min 0 s'],
  [200, '3 min 20 s'],
  [7500, '2 h 5 min'],
])('what took %d seconds took %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

test('a rest is never nothing', () => {
  expect(formatSecondsLeft(0.01)).toBe('1 s');
  expect(formatSecondsLeft(3599.5)).toBe('1 h 0 min');
});

describe('the progress line', () => {
  const half = { bytes: 1.2e9, totalBytes: 2.4e9, bytesPerSecond: 61.2e6, secondsLeft: 20 };

  test.each([
    [100, '██████████░░░░░░░░░░  50%  1.20 GB of 2.40 GB  61.2 MB/s  20 s left'],
    [68, '█████████░░░░░░░░░  50%  1.20 GB of 2.40 GB  61.2 MB/s  20 s left'],
    [50, '██████░░░░░  50%  1.20 GB of 2.40 GB  61.2 MB/s'],
    [40, '██████░░░░░░  50%  1.20 GB of 2.40 GB'],
    [20, '██████░░░░░░  50%'],
    [8, '  50%'],
  ])('fits %d columns', (columns, line) => {
    expect(progressLine(half, columns)).toBe(line);
  });

  test('of nothing at all is full', () => {
    const nothing = { bytes: 0, totalBytes: 0, bytesPerSecond: null, secondsLeft: null };
    expect(progressLine(nothing, 80)).toBe('████████████████████ 100%  0 bytes of 0 bytes');
  });

  test('does not round up to the end', () => {
    const figures = { bytes: 999, totalBytes: 1000, bytesPerSecond: null, secondsLeft: null };
    expect(progressLine(figures, 80)).toContain(' 99% ');
  });

  test('never reaches the last columns, where it would wrap, and says 100% at the end alone', () => {
    const bytes = fc.nat({ max: Number.MAX_SAFE_INTEGER });
    const rate = fc.option(fc.double({ min: 0, max: 1e12, noNaN: true }));
    fc.assert(
      fc.property(
        bytes,
        bytes,
        rate,
        rate,
        fc.integer({ min: 8, max: 300 }),
        (a, b, speed, left, columns) => {
          const [bytes, totalBytes] = [Math.min(a, b), Math.max(a, b)];
          const line = progressLine({ bytes, totalBytes, bytesPerSecond: speed, secondsLeft: left }, columns);
          expect(line.length).toBeLessThanOrEqual(columns - 3);
          expect(line.includes('100%')).toBe(bytes === totalBytes);
        },
      ),
    );
  });
});
