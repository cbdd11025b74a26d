import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { replay } from './journal.ts';
import { decodeRecords, encodeRecord, type JournalRecord } from './journal-record.ts';

/** A flag for long runs: `FUZZ_RUNS=1000000`. */
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 2000);

const number = fc.oneof(fc.nat(5), fc.maxSafeNat());
const name = fc
  .oneof(fc.constantFrom('a', 'album (2)', 'caf\u00e9'), fc.string({ minLength: 1, maxLength: 20 }))
  .filter((text) => !/[/\0]/.test(text) && text !== '.' && text !== '..');
const place = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const leaf = fc.uint8Array({ minLength: 32, maxLength: 32 });
const plain: fc.Arbitrary<JournalRecord> = fc.oneof(
  fc.record({
    type: fc.constant('share' as const),
    shareId: name,
    deliveryId: fc.constantFrom('', 'd1d'),
  }),
  fc.record({
    type: fc.constant('entry' as const),
    number,
    kind: fc.constantFrom('file' as const, 'folder' as const),
    path: place,
    sizeBytes: number,
  }),
  fc.record({ type: fc.constant('folder' as const), planned: place, place }),
  fc.record({ type: fc.constant('made' as const), planned: place }),
  fc.record({ type: fc.constant('block' as const), number, index: number, leaf }),
  fc.record({ type: fc.constant('intent' as const), number, root: fc.uint8Array({ maxLength: 32 }), place }),
  fc.record({ type: fc.constant('committed' as const), number }),
);

const encode = (records: readonly JournalRecord[]) =>
  new Uint8Array(Buffer.concat(records.map(encodeRecord)));
const decode = (bytes: Uint8Array) => [...decodeRecords(bytes)];

describe('a journal', () => {
  test('reads as it was written', () => {
    fc.assert(
      fc.property(fc.array(plain), (records) => {
        expect(decode(encode(records))).toEqual(records);
      }),
    );
  });

  test('torn anywhere, is what was whole before', () => {
    fc.assert(
      fc.property(fc.array(plain, { maxLength: 5 }), fc.nat(), (records, cut) => {
        const bytes = encode(records);
        const length = cut % (bytes.length + 1);
        const whole = records.filter((_, i) => encode(records.slice(0, i + 1)).length <= length);
        expect(decode(bytes.subarray(0, length))).toEqual(whole);
      }),
    );
  });

  test('damaged anywhere, is what was whole before', () => {
    fc.assert(
      fc.property(
        fc.array(plain, { minLength: 1, maxLength: 5 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (records, at, flip) => {
          const bytes = encode(records);
          const place = at % bytes.length;
          bytes[place] = (bytes[place] as number) ^ flip;
          const whole = records.filter((_, i) => encode(records.slice(0, i + 1)).length <= place);
          expect(decode(bytes)).toEqual(whole);
        },
      ),
      { numRuns },
    );
  });

  test('of anything is something, and never more than it says', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(plain, { maxLength: 3 }), (noise, records) => {
        const found = decode(new Uint8Array([...encode(records), ...noise]));
        expect(found.slice(0, records.length)).toEqual(records);
        expect(found.length).toBeLessThanOrEqual(records.length + noise.length / 9);
      }),
      { numRuns },
    );
  });

  test.each(['', '/etc/passwd', 'a/../../b', '..', 'a//b', 'a/.', 'nul\0'])('knows no place %j', (odd) => {
    expect(decode(encode([{ type: 'folder', planned: 'a', place: odd }]))).toEqual([]);
    expect(decode(encode([{ type: 'intent', number: 0, root: new Uint8Array(), place: odd }]))).toEqual([]);
  });
});

test('of a journal of another version nothing is read', () => {
  const body = Buffer.from(encode([{ type: 'share', shareId: 's', deliveryId: 'd' }]).subarray(8));
  body[1] = 2;
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length);
  head.writeUInt32BE(crc32(body), 4);
  expect(decode(Buffer.concat([head, body]))).toEqual([]);
});

describe('what a journal comes to', () => {
  const share: JournalRecord = { type: 'share', shareId: 's', deliveryId: 'd' };
  const entry = (number: number, kind: 'file' | 'folder' = 'file'): JournalRecord => ({
    type: 'entry',
    number,
    kind,
    path: `${number}`,
    sizeBytes: 9,
  });

  test('nothing, where it is another share’s or begins with anything else', () => {
    expect(replay([share], 'other')).toBeNull();
    expect(replay([entry(0), share], 's')).toBeNull();
    expect(replay([], 's')).toBeNull();
  });

  test('the last word on a block, a commit with what was said of it', () => {
    const block = (fill: number): JournalRecord => ({
      type: 'block',
      number: 3,
      index: 1,
      leaf: new Uint8Array(32).fill(fill),
    });
    const root = new Uint8Array(32);
    const noted = replay(
      [
        share,
        entry(3),
        block(1),
        block(2),
        { type: 'intent', number: 3, root, place: 'a (2)' },
        { type: 'committed', number: 3 },
        entry(4),
        { type: 'intent', number: 4, root, place: 'b' },
      ],
      's',
    );
    expect(noted?.entries.get(3)?.leaves.get(1)).toEqual(new Uint8Array(32).fill(2));
    expect(noted?.entries.get(3)?.commit).toEqual({ root, place: 'a (2)', done: true });
    expect(noted?.entries.get(4)?.commit).toEqual({ root, place: 'b', done: false });
  });

  test.each<[string, JournalRecord]>([
    ['a second beginning', share],
    ['a block of nothing', { type: 'block', number: 9, index: 0, leaf: new Uint8Array(32) }],
    ['a block of a folder', { type: 'block', number: 1, index: 0, leaf: new Uint8Array(32) }],
    ['a folder never intended', { type: 'made', planned: 'a' }],
    ['a commit never intended', { type: 'committed', number: 0 }],
  ])('ends at %s', (_, odd) => {
    const noted = replay([share, entry(0), entry(1, 'folder'), odd, entry(2)], 's');
    expect([...(noted?.entries.keys() ?? [])]).toEqual([0, 1]);
  });
});
