import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Entry } from './entry.ts';
import { MAX_NAME_BYTES } from './limits.ts';
import { LocalPaths, type LocalRules, localName, numbered, visibleText } from './local-path.ts';
import { checkPath } from './path.ts';

const LINUX: LocalRules = { windows: false, caseSensitive: true };
const MACOS: LocalRules = { windows: false, caseSensitive: false };
const WINDOWS: LocalRules = { windows: true, caseSensitive: false };

const bytesOf = (text: string) => new TextEncoder().encode(text).length;
const save = (rules: LocalRules, paths: readonly string[], existing: readonly string[] = []) => {
  const local = new LocalPaths(rules, existing);
  return paths.map((path) =>
    path.endsWith('/')
      ? local.add({ kind: 'folder', path: path.slice(0, -1) })
      : local.add({ kind: 'file', path }),
  );
};

describe('localName', () => {
  test.each([
    // [offered, on Linux, on Windows]
    ['notes.txt', 'notes.txt', 'notes.txt'],
    ['.bashrc', '.bashrc', '.bashrc'],
    ['👩‍👩‍👧 ❤️.jpg', '👩‍👩‍👧 ❤️.jpg', '👩‍👩‍👧 ❤️.jpg'],
    ['می‌خواهم', 'می‌خواهم', 'می‌خواهم'],
    ['a:b', 'a:b', 'a_b'],
    ['C:evil', 'C:evil', 'C_evil'],
    ['file.txt:stream', 'file.txt:stream', 'file.txt_stream'],
    ['<>:"|?*\\', '<>:"|?*\\', '________'],
    ['..\\..\\evil', '..\\..\\evil', '.._.._evil'],
    ['aux.c', 'aux.c', '_aux.c'],
    ['CON', 'CON', '_CON'],
    ['nul.tar.gz', 'nul.tar.gz', '_nul.tar.gz'],
    ['Prn ', 'Prn ', '_Prn_'],
    ['COM1', 'COM1', '_COM1'],
    ['com².txt', 'com².txt', '_com².txt'],
    ['lpt9 .txt', 'lpt9 .txt', '_lpt9 .txt'],
    ['CONOUT$', 'CONOUT$', '_CONOUT$'],
    ['com0', 'com0', 'com0'],
    ['console', 'console', 'console'],
    ['auxiliary.c', 'auxiliary.c', 'auxiliary.c'],
    ['trailing.', 'trailing.', 'trailing_'],
    ['trailing . ', 'trailing . ', 'trailing___'],
    ['...', '...', '___'],
    // Never in a checked path, safe all the same
    ['', '_', '_'],
    ['.', '_.', '__'],
    ['..', '_..', '___'],
    ['a/b', 'a_b', 'a_b'],
    ['nul\0', 'nul_', 'nul_'],
    ['a\ud800b', 'a_b', 'a_b'],
  ])('%j', (offered, linux, windows) => {
    expect(localName(offered, 'file', LINUX)).toBe(linux);
    expect(localName(offered, 'file', WINDOWS)).toBe(windows);
  });

  const unseen = [
    ...['\u200e', '\u200f', '\u061c', '\u202a', '\u202b', '\u202c', '\u202d', '\u202e'],
    ...[
      '\u2066',
      '\u2067',
      '\u2068',
      '\u2069',
      '\ufeff',
      '\u200b',
      '\u2060',
      '\u00ad',
      '\u3164',
      '\u{e0041}',
    ],
    ...['\u2028', '\u2029', '\u007f', '\u009b', '\u001b', '\ufff9'],
  ];
  test.each(unseen)('shows what %j would hide, on every system', (character) => {
    for (const rules of [LINUX, MACOS, WINDOWS]) {
      expect(localName(`invoice${character}fdp.exe`, 'file', rules)).toBe('invoice_fdp.exe');
    }
    expect(visibleText(`a${character}b`)).toBe('a_b');
  });

  test.each([
    ['a file keeps its extension', `${'x'.repeat(300)}.txt`, 'file', `${'x'.repeat(251)}.txt`],
    ['a file keeps both its extensions', `${'x'.repeat(300)}.tar.gz`, 'file', `${'x'.repeat(248)}.tar.gz`],
    ['a folder has none', `${'x'.repeat(300)}.d`, 'folder', 'x'.repeat(255)],
    ['an ending too long is none', `x.${'y'.repeat(300)}`, 'file', `x.${'y'.repeat(253)}`],
    ['no character is cut in half', `a${'€'.repeat(100)}.txt`, 'file', `a${'€'.repeat(83)}.txt`],
    ['nor one of two units', `${'😀'.repeat(100)}`, 'file', '😀'.repeat(63)],
  ] as const)('names too long are cut: %s', (_, offered, kind, expected) => {
    expect(localName(offered, kind, LINUX)).toBe(expected);
    expect(bytesOf(expected)).toBeLessThanOrEqual(MAX_NAME_BYTES);
  });
});

test.each([
  ['a.txt', 'file', 'a (2).txt'],
  ['a.tar.gz', 'file', 'a (2).tar.gz'],
  ['.bashrc', 'file', '.bashrc (2)'],
  ['Makefile', 'file', 'Makefile (2)'],
  ['Vol. 2', 'file', 'Vol. 2 (2)'],
  ['v1.2', 'folder', 'v1.2 (2)'],
  ['a (2).txt', 'file', 'a (2) (2).txt'],
  [`${'x'.repeat(251)}.txt`, 'file', `${'x'.repeat(241)} (2).txt`],
] as const)('numbered %j', (name, kind, expected) => {
  expect(numbered(name, 2, kind)).toBe(expected);
});

describe('LocalPaths', () => {
  test.each([
    ['case kept apart', LINUX, ['Makefile', 'makefile'], ['Makefile', 'makefile']],
    ['case not kept apart', WINDOWS, ['Makefile', 'makefile'], ['Makefile', 'makefile (2)']],
    ['normal forms kept apart', LINUX, ['\u00e9.txt', 'e\u0301.txt'], ['\u00e9.txt', 'e\u0301.txt']],
    ['normal forms not kept apart', MACOS, ['\u00e9.txt', 'e\u0301.txt'], ['\u00e9.txt', 'e\u0301 (2).txt']],
    ['sharp s', MACOS, ['straße', 'STRASSE'], ['straße', 'STRASSE (2)']],
    ['folders that differ in case', MACOS, ['A/x', 'a/x', 'A/y'], ['A/x', 'a (2)/x', 'A/y']],
    ['a file and a folder', MACOS, ['A/x', 'a'], ['A/x', 'a (2)']],
    ['folders, listed and implied', LINUX, ['a/', 'a/b/c', 'a/b/'], ['a', 'a/b/c', 'a/b']],
    ['made alike by neutralising', LINUX, ['a\u200eb', 'a\u200fb'], ['a_b', 'a_b (2)']],
    ['made alike by Windows', WINDOWS, ['a:b', 'a?b', 'a_b'], ['a_b', 'a_b (2)', 'a_b (3)']],
    ['a number that is taken', MACOS, ['a', 'a (2)', 'A'], ['a', 'a (2)', 'A (3)']],
    ['the same names in another folder', MACOS, ['p/a', 'q/a'], ['p/a', 'q/a']],
  ])('%s', (_, rules, offered, saved) => {
    expect(save(rules, offered)).toEqual(saved);
  });

  test('what stands at the target keeps its name, and the whole folder moves aside', () => {
    const existing = ['a.txt', 'photos', 'photos (2)'];
    expect(save(LINUX, ['a.txt', 'photos/1.jpg', 'photos/2.jpg', 'b/a.txt'], existing)).toEqual([
      'a (2).txt',
      'photos (3)/1.jpg',
      'photos (3)/2.jpg',
      'b/a.txt',
    ]);
  });

  const unit = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('a', 'A', 'b', '.', ' ', '(2)', 'CON', 'nul', 'é', 'e\u0301') },
    { weight: 1, arbitrary: fc.constantFrom('\u202e', '\ufeff', '\u200d', ':', '\\', '😀', '€'.repeat(90)) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
  );
  const isOffered = (path: string) => {
    try {
      checkPath(path);
      return true;
    } catch {
      return false;
    }
  };
  const path = fc
    .array(fc.string({ unit, minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 })
    .map((segments) => segments.join('/'))
    .filter(isOffered);
  /** Files that are no folders of others, as PathTree leaves them. */
  const paths = fc
    .uniqueArray(path, { maxLength: 20 })
    .map((all) => all.filter((one) => !all.some((other) => other.startsWith(`${one}/`))));
  const rules = fc.constantFrom(LINUX, MACOS, WINDOWS);

  test('saves any share at safe, different, repeatable places, and leaves safe names alone', () => {
    fc.assert(
      fc.property(rules, paths, (local, offered) => {
        const saved = save(local, offered);
        expect(save(local, offered)).toEqual(saved);
        for (const place of saved) {
          checkPath(place);
          expect(visibleText(place)).toBe(place);
          for (const name of place.split('/')) {
            expect(bytesOf(name)).toBeLessThanOrEqual(MAX_NAME_BYTES);
            if (local.windows) expect(name).not.toMatch(/[<>:"|?*\\]|[. ]$|^(con|prn|aux|nul)( *\.|$)/i);
          }
        }
        const compared = local.caseSensitive
          ? saved
          : saved.map((place) => place.normalize('NFC').toLowerCase());
        expect(new Set(compared).size).toBe(offered.length);
        expect(save(local, saved)).toEqual(saved);
      }),
      { numRuns: 2000 },
    );
  });

  test('a name once made safe is safe', () => {
    const kind = fc.constantFrom<Entry['kind']>('file', 'folder');
    fc.assert(
      fc.property(rules, kind, fc.string({ unit: 'binary', maxLength: 400 }), (local, of, name) => {
        const once = localName(name, of, local);
        expect(localName(once, of, local)).toBe(once);
        expect(bytesOf(numbered(once, 1_000_000, of))).toBeLessThanOrEqual(MAX_NAME_BYTES);
        expect(localName(numbered(once, 2, of), of, local)).toBe(numbered(once, 2, of));
      }),
      { numRuns: 2000 },
    );
  });

  test('a hundred thousand names that become alike when they are cut and numbered end in seconds', () => {
    const alike = new LocalPaths(MACOS);
    for (let i = 0; i < 100_000; i++) {
      const long = `${'x'.repeat(246)}${i}`.slice(0, 250).padEnd(254, 'y');
      alike.add({ kind: 'file', path: `${long}${i % 2 ? 'z' : 'Z'}` });
    }
    expect(alike.add({ kind: 'file', path: 'other' })).toBe('other');
  });
});
