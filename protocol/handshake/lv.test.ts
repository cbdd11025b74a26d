import { hexToBytes as bytes, bytesToHex as hex } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolViolation } from '../errors.ts';
import { FUZZ } from '../testing/fuzz.ts';
import { lv, parseLv } from './lv.ts';
import vectors from './testdata/cpace-draft-21.json' with { type: 'json' };

const names = (count: number) => Array.from({ length: count }, (_, index) => `part ${index}`);

describe('lv', () => {
  it.each(vectors.lv)('makes $lv, as the draft does', ({ parts, lv: expected }) => {
    expect(hex(lv(...parts.map((part) => bytes(part))))).toBe(expected);
  });

  it('writes strings as UTF-8', () => {
    expect(lv('sp1', 'ü')).toEqual(Uint8Array.of(3, 0x73, 0x70, 0x31, 2, 0xc3, 0xbc));
  });

  it('is read back as it was written', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (parts) => {
        expect(parseLv(lv(...parts), names(parts.length))).toEqual(parts);
      }),
    );
  });

  it(
    'has one writing for one reading: what is read is what would be written',
    () => {
      // Small bytes make short lengths, so that many cases are well-formed and some are nearly so.
      const byte = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constantFrom(0x80, 0x81, 0xff), fc.nat(255));
      let wellFormed = 0;
      fc.assert(
        fc.property(fc.array(byte, { maxLength: 12 }), fc.integer({ min: 1, max: 3 }), (message, count) => {
          let parts: readonly Uint8Array[];
          try {
            parts = parseLv(Uint8Array.from(message), names(count));
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolViolation);
            return;
          }
          wellFormed++;
          expect(lv(...parts)).toEqual(Uint8Array.from(message));
        }),
        { numRuns: 20_000 * FUZZ },
      );
      expect(wellFormed).toBeGreaterThan(100);
    },
    20_000 * FUZZ,
  );
});

describe('parseLv refuses', () => {
  it.each([
    ['nothing', []],
    ['a part that runs past the end', [2, 0]],
    ['a length that is cut', [0x80]],
    ['a length not in its shortest form', [0x81, 0x00, 7]],
    ['zero in two bytes', [0x80, 0x00]],
    ['a length of four bytes', [0x80, 0x80, 0x80, 0x01]],
    ['the largest length', [0xff, 0xff, 0x7f]],
    ['bytes left over', [1, 7, 9]],
  ])('%s', (_, message) => {
    expect(() => parseLv(Uint8Array.from(message), ['part'])).toThrow(ProtocolViolation);
  });
});
