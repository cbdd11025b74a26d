import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES, MAX_FILE_BYTES } from '#protocol/limits.ts';
import {
  blockRecord,
  givenUpRecord,
  journalStart,
  type LaidOut,
  layoutRecords,
  readJournal,
} from './journal.ts';

const LAID_OUT: readonly LaidOut[] = [
  { kind: 'file', path: 'trip/küste.jpg', sizeBytes: 3 * BLOCK_BYTES + 1, headerBytes: 50 },
  { kind: 'folder', path: 'trip', sizeBytes: 0, headerBytes: 50 },
  { kind: 'file', path: 'huge', sizeBytes: MAX_FILE_BYTES, headerBytes: 50 },
];
const leaf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const START = concat(journalStart(), layoutRecords(LAID_OUT, 0));
const RECORDS = [
  START,
  blockRecord(0, 3, leaf(1)),
  blockRecord(2, Math.floor(MAX_FILE_BYTES / BLOCK_BYTES), leaf(2)),
  blockRecord(0, 0, leaf(3)),
  blockRecord(0, 3, leaf(4)),
];

function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

test('what was written comes back, of a block written twice the latter', () => {
  const bytes = concat(...RECORDS);
  const journal = readJournal(bytes);
  expect(journal?.laidOut).toEqual(LAID_OUT);
  expect(journal?.leaves).toEqual(
    new Map([
      [
        0,
        new Map([
          [3, leaf(4)],
          [0, leaf(3)],
        ]),
      ],
      [2, new Map([[Math.floor(MAX_FILE_BYTES / BLOCK_BYTES), leaf(2)]])],
    ]),
  );
  expect(journal?.lengthBytes).toBe(bytes.length);
});

test('what was given up is, and has no blocks', () => {
  const journal = readJournal(concat(...RECORDS, givenUpRecord(0)));
  expect([...(journal?.givenUp ?? [])]).toEqual([0]);
  expect(journal?.leaves.has(0)).toBe(false);
});

test('a later run lays out more, behind what is there; a layout without its end is none', () => {
  const more: LaidOut = { kind: 'file', path: 'more', sizeBytes: 1, headerBytes: 7 };
  const bytes = concat(...RECORDS, layoutRecords([more], LAID_OUT.length), blockRecord(3, 0, leaf(9)));
  expect(readJournal(bytes)?.laidOut).toEqual([...LAID_OUT, more]);
  expect(readJournal(bytes)?.leaves.get(3)).toEqual(new Map([[0, leaf(9)]]));
  const before = concat(...RECORDS);
  const torn = concat(before, layoutRecords([more], LAID_OUT.length).slice(0, -1));
  expect(readJournal(torn)).toEqual(readJournal(before));
});

test('wherever it is torn, what is whole before stands, and is where to go on', () => {
  const bytes = concat(...RECORDS);
  const layoutBytes = RECORDS[0]?.length ?? 0;
  const blockBytes = RECORDS[1]?.length ?? 0;
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const journal = readJournal(bytes.slice(0, cut));
    if (cut < layoutBytes) expect(journal).toBeNull();
    else expect(journal?.lengthBytes).toBe(cut - ((cut - layoutBytes) % blockBytes));
  }
});

test('a flipped byte ends it before the record that has it', () => {
  const bytes = concat(...RECORDS);
  for (let at = 0; at < bytes.length; at += 1) {
    const damaged = bytes.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 0x20;
    expect(readJournal(damaged)?.lengthBytes ?? 0).toBeLessThanOrEqual(at);
  }
});

describe('a record that is whole and makes no sense ends it', () => {
  const layout = START;
  test.each([
    ['a block past the end of its file', blockRecord(0, 4, leaf(1))],
    ['a block of a folder', blockRecord(1, 0, leaf(1))],
    ['a block of no entry', blockRecord(3, 0, leaf(1))],
    ['a block with a short leaf', blockRecord(0, 0, leaf(1)).slice(0, -1)],
    ['giving up no entry', givenUpRecord(3)],
    ['another layout with a wrong count', layoutRecords(LAID_OUT, 1)],
  ])('%s', (_what, record) => {
    expect(readJournal(concat(layout, record, blockRecord(0, 0, leaf(1))))?.lengthBytes).toBe(layout.length);
  });

  test('a path of no bytes, or of too many', () => {
    expect(
      readJournal(
        concat(journalStart(), layoutRecords([{ kind: 'file', path: '', sizeBytes: 1, headerBytes: 50 }], 0)),
      ),
    ).toBeNull();
    expect(
      readJournal(
        concat(
          journalStart(),
          layoutRecords([{ kind: 'file', path: 'x'.repeat(4097), sizeBytes: 1, headerBytes: 50 }], 0),
        ),
      ),
    ).toBeNull();
  });
});

test('random and mutated bytes are read without a throw, and never past their end', () => {
  const whole = concat(...RECORDS);
  const mutated = fc
    .array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    .map((changes) => {
      const bytes = whole.slice();
      for (const [at, byte] of changes) bytes[at] = byte;
      return bytes;
    });
  const random = fc
    .uint8Array({ maxLength: 300 })
    .map((tail) => concat(RECORDS[0] ?? new Uint8Array(), tail));
  fc.assert(
    fc.property(fc.oneof(mutated, random, fc.uint8Array({ maxLength: 300 })), (bytes) => {
      const journal = readJournal(new Uint8Array(bytes));
      if (journal === null) return;
      expect(journal.lengthBytes).toBeLessThanOrEqual(bytes.length);
      expect(readJournal(new Uint8Array(bytes.slice(0, journal.lengthBytes)))).toEqual(journal);
    }),
    { numRuns: 2000 },
  );
});
