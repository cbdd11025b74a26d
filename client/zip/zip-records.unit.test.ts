import { describe, expect, test } from 'vitest';
import { readZip } from './zip-reader.testing.ts';
import { centralRecord, endRecords, localHeader, localHeaderBytes, type ZipItem } from './zip-records.ts';

const MODIFIED_MS = Date.UTC(2031, 5, 1, 2, 3, 5);

function item(fields: Partial<ZipItem>): ZipItem {
  return { kind: 'file', path: 'a', sizeBytes: 0, modifiedMs: MODIFIED_MS, executable: false, ...fields };
}

/** An archive of which only the records exist: the files' bytes between them are left out. */
class RecordsOnly {
  readonly #pieces: { at: number; bytes: Uint8Array<ArrayBuffer> }[] = [];
  readonly lengthBytes: number;

  constructor(items: readonly ZipItem[]) {
    let at = 0;
    const headersAt: number[] = [];
    for (const entry of items) {
      headersAt.push(at);
      const header = localHeader(entry, 0xdeadbeef);
      expect(header.length).toBe(localHeaderBytes(entry));
      this.#pieces.push({ at, bytes: header });
      at += header.length + entry.sizeBytes;
    }
    const centralAt = at;
    items.forEach((entry, index) => {
      const bytes = centralRecord(entry, 0xdeadbeef, headersAt[index] as number);
      this.#pieces.push({ at, bytes });
      at += bytes.length;
    });
    const end = endRecords(items.length, centralAt, at - centralAt);
    this.#pieces.push({ at, bytes: end });
    this.lengthBytes = at + end.length;
  }

  read = (at: number, lengthBytes: number): Uint8Array<ArrayBuffer> => {
    const piece = this.#pieces.find(
      ({ at: from, bytes }) => from <= at && at + lengthBytes <= from + bytes.length,
    );
    if (piece === undefined) throw new Error(`nothing of ${lengthBytes} bytes at ${at}`);
    return piece.bytes.slice(at - piece.at, at - piece.at + lengthBytes);
  };
}

describe('sizes and offsets around 32 bits', () => {
  test.each([
    ['largest that fits', 0xfffffffe, 20],
    ['the value that means "see ZIP64"', 0xffffffff, 45],
    ['beyond', 5 * 2 ** 40, 45],
  ])('%s', (_name, sizeBytes, version) => {
    const after = item({ path: 'after', sizeBytes: 1 });
    const archive = new RecordsOnly([item({ sizeBytes }), after]);
    const [first, second] = readZip(archive.read, archive.lengthBytes);
    expect(first).toMatchObject({ name: 'a', sizeBytes, headerAt: 0, version });
    const headerAt = localHeaderBytes(item({ sizeBytes })) + sizeBytes;
    expect(second).toMatchObject({ name: 'after', sizeBytes: 1, headerAt, version: 45 });
  });
});

describe('times', () => {
  const dos = (modifiedMs: number) => {
    const archive = new RecordsOnly([item({ modifiedMs })]);
    return readZip(archive.read, archive.lengthBytes)[0];
  };

  test('the DOS field is local time in even seconds, the Unix field UTC', () => {
    const local = new Date(2031, 5, 1, 14, 3, 5);
    const fields = dos(local.getTime());
    expect(fields?.dosDateTime).toBe(((((51 << 9) | (6 << 5) | 1) << 16) | (14 << 11) | (3 << 5) | 2) >>> 0);
    expect(fields?.modifiedSeconds).toBe(local.getTime() / 1000);
  });

  test.each([
    ['before 1980', new Date(1969, 1, 1).getTime(), 0x00210000],
    ['after 2107', new Date(2500, 1, 1).getTime(), 0xff9fbf7d],
    ['no number', Number.NaN, 0x00210000],
  ])('%s is brought into range', (_name, modifiedMs, expected) => {
    expect(dos(modifiedMs)?.dosDateTime).toBe(expected);
  });
});
