import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { combineCrc32, crc32 } from './crc32.ts';

test('gives the check value of the CRC catalogue', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
  expect(crc32(new Uint8Array())).toBe(0);
});

test('agrees with zlib at every length around the width of a turn', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(crc32(bytes)).toBe(zlibCrc32(bytes));
    }),
  );
});

test('two pieces combine to the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
      const [first, second] = [bytes.subarray(0, cut), bytes.subarray(cut)];
      expect(combineCrc32(crc32(first), crc32(second), second.length)).toBe(crc32(bytes));
    }),
  );
});

test('combines across lengths that do not fit 32 bits', () => {
  // Appending zeros in two steps or in one must be the same.
  const half = 0x9_0000_0001;
  const zeros = (crc: number, n: number) => combineCrc32(crc, 0, n);
  expect(zeros(zeros(0x1234, half), half)).toBe(zeros(0x1234, 2 * half));
  expect(zeros(0x1234, half)).not.toBe(zeros(0x1234, half % 2 ** 32));
});
