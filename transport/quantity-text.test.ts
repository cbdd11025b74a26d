import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatCount, formatSize } from './quantity-text.ts';

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
  expect(formatSize(bytes)).toBe(text);
});

test('a size is three digits and a unit, whatever it is', () => {
  fc.assert(
    fc.property(fc.double({ min: 1000, max: Number.MAX_SAFE_INTEGER, noNaN: true }), (bytes) => {
      expect(formatSize(bytes)).toMatch(/^(\d{3}|\d{2}\.\d|\d\.\d{2}) [kMGTP]B$/);
    }),
  );
});

test.each([
  [0, 'file', '0 files'],
  [1, 'file', '1 file'],
  [12_345, 'file', '12,345 files'],
])('%d of a %s are %s', (count, noun, text) => {
  expect(formatCount(count, noun)).toBe(text);
});
