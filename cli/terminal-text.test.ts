import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatBytes, formatCount, formatSeconds, formatSecondsLeft, progressLine } from './terminal-text.ts';

test.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [999, '999 bytes'],
  [1000, '1.00 kB'],
  [1234, '1.23 kB'],
  [999_499, '999 kB'],
  [999_500, '1.00 MB'],
  [999_999, '1.00 MB'],
  [1_250_000_000, '1.25 GB'],
  [999_999_999_999, '1.00 TB'],
  [Number.MAX_SAFE_INTEGER, '9.01 PB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test('a size is three digits and a unit, whatever it is', () => {
  fc.assert(
    fc.property(fc.double({ min: 1000, max: Number.MAX_SAFE_INTEGER, noNaN: true }), (bytes) => {
      expect(formatBytes(bytes)).toMatch(/^(\d{3}|\d{2}\.\d|\d\.\d{2}) [kMGTP]B$/);
    }),
  );
});

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

test.each([
  [0, 'file', '0 files'],
  [1, 'file', '1 file'],
  [12_345, 'file', '12,345 files'],
])('%d of a %s are %s', (count, noun, text) => {
  expect(formatCount(count, noun)).toBe(text);
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
