import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSenderMessage, encodeControlMessage, type SenderMessage } from './control-message.ts';
import type { Entry } from './entry.ts';
import { ProtocolViolation, TransferError } from './errors.ts';
import {
  BLOCK_BYTES,
  MAX_CONTROL_BYTES,
  MAX_ENTRIES,
  MAX_FILE_BYTES,
  MAX_PAGES_ASKED,
  MAX_PATH_BYTES,
  PAGES_UNASKED,
} from './limits.ts';
import { Manifest, ManifestAssembly, sumSizes } from './manifest.ts';

type Page = Extract<SenderMessage, { type: 'page' }>;

const file = (path: string, sizeBytes = 1): Entry => ({ kind: 'file', path, sizeBytes });

/** Over the wire and back: what arrives is what a decoder made of the bytes. */
function transmit<T extends SenderMessage>(message: T): T {
  const body = encodeControlMessage(message);
  expect(body.length).toBeLessThanOrEqual(MAX_CONTROL_BYTES);
  return decodeSenderMessage(body) as T;
}

/** Fetches a manifest as a receiver does. @returns what arrived, and the most pages that were on their way at once */
function fetch(manifest: Manifest): { entries: readonly Entry[] | null; mostOnTheirWay: number } {
  const assembly = new ManifestAssembly(transmit(manifest.header));
  const onTheirWay = [...Array(Math.min(PAGES_UNASKED, manifest.header.pages)).keys()];
  let mostOnTheirWay = 0;
  const ask = () => {
    const asked = assembly.ask();
    for (let i = 0; asked && i < asked.count; i += 1) onTheirWay.push(asked.first + i);
    mostOnTheirWay = Math.max(mostOnTheirWay, onTheirWay.length);
  };
  ask();
  for (let page = onTheirWay.shift(); page !== undefined; page = onTheirWay.shift()) {
    expect(assembly.entries).toBeNull();
    assembly.add(transmit(manifest.page(page)));
    ask();
  }
  return { entries: assembly.entries, mostOnTheirWay };
}

describe('a manifest and its assembly', () => {
  it('carry every entry over, whatever its names, sizes and times', () => {
    // The names' first letters keep paths apart: whether they may stand beside each other is for path.test.ts.
    const name = fc.oneof(
      fc.string({ maxLength: 40, unit: 'grapheme-composite' }).map((text) => text.replaceAll('/', '_')),
      fc.constantFrom('"\\'.repeat(2000), '😀'.repeat(1000), '\u2028'.repeat(1300), 'é'.repeat(2000)),
    );
    const entry = fc.oneof(
      fc.record(
        {
          kind: fc.constant('file' as const),
          path: name,
          sizeBytes: fc.oneof(fc.constantFrom(0, 1, BLOCK_BYTES), fc.nat()),
          modifiedMs: fc.integer({ min: -8.64e15, max: 8.64e15 }),
          executable: fc.constant(true as const),
        },
        { requiredKeys: ['kind', 'path', 'sizeBytes'] },
      ),
      fc.record(
        { kind: fc.constant('folder' as const), path: name, modifiedMs: fc.integer() },
        { requiredKeys: ['kind', 'path'] },
      ),
    );
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 60, size: 'max' }), (drawn) => {
        const entries = drawn.map((each, i): Entry => ({ ...each, path: `${i} ${each.path}` }));
        const manifest = new Manifest(entries);
        expect(fetch(manifest).entries).toEqual(entries);
        expect(manifest.header.totalBytes).toBe(sumSizes(entries));
      }),
    );
  });

  it('fit the longest paths, all of whose characters JSON escapes, into pages', () => {
    const entries = Array.from({ length: 50 }, (_, i) =>
      file(String(i).padStart(2, '0') + '"'.repeat(MAX_PATH_BYTES - 2), MAX_FILE_BYTES / 100 - 1),
    ).map((each) => ({ ...each, sizeBytes: 2 ** 46 - 1, modifiedMs: -8.64e15, executable: true as const }));
    expect(fetch(new Manifest(entries)).entries).toEqual(entries);
  });

  it('carry 100,000 entries, a few pages at a time', () => {
    const entries = Array.from({ length: 100_000 }, (_, i) =>
      file(`folder ${i % 300}/some file ${i}.txt`, i),
    );
    const manifest = new Manifest(entries);
    const { entries: arrived, mostOnTheirWay } = fetch(manifest);
    expect(arrived).toHaveLength(entries.length);
    expect(arrived?.every((entry, i) => entry.path === entries[i]?.path)).toBe(true);
    expect(manifest.header.pages).toBeLessThan(300);
    expect(mostOnTheirWay).toBeLessThanOrEqual(1.5 * MAX_PAGES_ASKED);
  });
});

describe('Manifest', () => {
  const codeOf = (entries: readonly Entry[]): string => {
    try {
      new Manifest(entries);
      return 'accepted';
    } catch (error) {
      if (error instanceof TransferError) return error.code;
      throw error;
    }
  };

  it('refuses what no share may be, with a reason for people', () => {
    expect(codeOf([])).toBe('nothing-to-send');
    expect(codeOf(Array(MAX_ENTRIES + 1).fill(file('a')))).toBe('manifest-too-large');
    expect(codeOf([file('a', MAX_FILE_BYTES)])).toBe('accepted');
    expect(codeOf([file('a', MAX_FILE_BYTES), file('b')])).toBe('manifest-too-large');
    expect(codeOf([file('../a')])).toBe('unsafe-path');
    expect(codeOf([file('a'), file('a')])).toBe('unsafe-path');
    expect(codeOf([file('a/b'), file('a')])).toBe('unsafe-path');
  });

  it('has no page past its end', () => {
    const manifest = new Manifest([file('a')]);
    expect(manifest.page(0)).toEqual({ type: 'page', page: 0, entries: [file('a')] });
    for (const page of [1, 2, MAX_ENTRIES]) expect(() => manifest.page(page)).toThrow(ProtocolViolation);
  });
});

describe('ManifestAssembly', () => {
  const page = (number: number, ...entries: Entry[]): Page =>
    transmit({ type: 'page', page: number, entries: entries as Page['entries'] });
  const header = (entries: number, pages: number, totalBytes: number) =>
    transmit({ type: 'manifest', entries, pages, totalBytes });

  it.each<[string, ReturnType<typeof header>, Page[]]>([
    ['a page that does not come next', header(2, 2, 2), [page(1, file('a'))]],
    ['a page again', header(3, 3, 3), [page(0, file('a')), page(0, file('b'))]],
    ['a page past the last', header(1, 1, 1), [page(0, file('a')), page(1, file('b'))]],
    ['more entries than announced', header(1, 2, 2), [page(0, file('a')), page(1, file('b'))]],
    ['more entries than announced on one page', header(1, 1, 2), [page(0, file('a'), file('b'))]],
    ['fewer entries than announced', header(3, 1, 2), [page(0, file('a'), file('b'))]],
    ['more bytes than announced', header(2, 1, 1), [page(0, file('a'), file('b'))]],
    ['fewer bytes than announced', header(2, 1, 3), [page(0, file('a'), file('b'))]],
    [
      'sizes whose sum rounds',
      header(3, 1, MAX_FILE_BYTES),
      [page(0, file('a', MAX_FILE_BYTES), file('b'), file('c'))],
    ],
    ['a path that climbs', header(1, 1, 1), [page(0, file('../a'))]],
    ['a path that is absolute', header(1, 1, 1), [page(0, file('/etc/passwd'))]],
    [
      'a path of more bytes than characters',
      header(1, 1, 1),
      [page(0, file('é'.repeat(MAX_PATH_BYTES / 2 + 1)))],
    ],
    ['a path twice, on two pages', header(2, 2, 2), [page(0, file('a')), page(1, file('a'))]],
    ['a path that is file and folder', header(2, 2, 2), [page(0, file('a')), page(1, file('a/b'))]],
    [
      'a page with a million announced behind it',
      header(MAX_ENTRIES, MAX_ENTRIES, 0),
      [page(0, file('a', 0)), page(2, file('b', 0))],
    ],
  ])('refuses %s', (_what, announced, pages) => {
    const assembly = new ManifestAssembly(announced);
    assembly.ask();
    const last = pages.pop() as Page;
    for (const each of pages) assembly.add(each);
    const before = assembly.entries;
    expect(() => assembly.add(last)).toThrow(ProtocolViolation);
    expect(assembly.entries).toBe(before);
  });

  it('refuses a page that it did not ask for', () => {
    const assembly = new ManifestAssembly(header(100, 100, 100));
    for (let i = 0; i < PAGES_UNASKED; i += 1) assembly.add(page(i, file(`${i}`)));
    expect(() => assembly.add(page(PAGES_UNASKED, file('x')))).toThrow(ProtocolViolation);
    const known = PAGES_UNASKED + MAX_PAGES_ASKED;
    assembly.ask();
    for (let i = PAGES_UNASKED; i < known; i += 1) assembly.add(page(i, file(`${i}`)));
    expect(() => assembly.add(page(known, file('x')))).toThrow(ProtocolViolation);
  });

  it('asks for each page that does not come by itself once, in order, whenever it is let', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.infiniteStream(fc.boolean()), (pages, asksNow) => {
        const assembly = new ManifestAssembly(header(pages, pages, pages));
        const asked = [...Array(Math.min(PAGES_UNASKED, pages)).keys()];
        for (let arrived = 0; arrived < pages; ) {
          const more = asksNow.next().value || asked.length === arrived ? assembly.ask() : null;
          for (let i = 0; more && i < more.count; i += 1) asked.push(more.first + i);
          if (asked.length > arrived) assembly.add(page(arrived, file(`${arrived++}`)));
          expect(asked.length - arrived).toBeLessThanOrEqual(1.5 * MAX_PAGES_ASKED);
        }
        expect(asked).toEqual([...Array(pages).keys()]);
        expect(assembly.ask()).toBeNull();
        expect(assembly.entries).toHaveLength(pages);
      }),
    );
  });
});
