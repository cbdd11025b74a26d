import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration } from './format-duration.ts';
import { formatCount, formatSize } from './format-size.ts';

test.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [999, '999 bytes'],
  [1000, '1 kB'],
  [1234, '1.2 kB'],
  [9949, '9.9 kB'],
  [9950, '10 kB'],
  [999_499, '999 kB'],
  [999_500, '1 MB'],
  [1_200_000_000, '1.2 GB'],
  [2 ** 53 - 1, '9 PB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});

test('a size never has more than four characters of number', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (n) => {
      expect(formatSize(Math.abs(n))).toMatch(/^(\d{1,3}|\d\.\d) (bytes?|[kMGTP]B)$/);
    }),
  );
});

test.each([
  [0, '1 s'],
  [0.2, '1 s'],
  [59, '59 s'],
  [59.1, '1 min'],
  [61, '2 min'],
  [3599, '1 h'],
  [4800, '1 h 20 min'],
  [86_399, '1 day'],
  [90_000, '1 day 1 h'],
  [172_801, '2 days 1 h'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test('counts', () => {
  expect(formatCount(1, 'file', 'files')).toBe('1 file');
  expect(formatCount(12_345, 'file', 'files')).toBe('12,345 files');
});
