import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtocolViolation } from './errors.ts';
import { MAX_ENTRIES, MAX_PATH_BYTES } from './limits.ts';
import { checkPath, PathTree } from './path.ts';

const REFUSED: readonly (readonly [path: string, why: RegExp])[] = [
  ['', /empty/],
  ['/', /absolute/],
  ['/etc/passwd', /absolute/],
  ['..', /relative/],
  ['../x', /relative/],
  ['a/../../x', /relative/],
  ['a/..', /relative/],
  ['.', /relative/],
  ['a/./b', /relative/],
  ['a//b', /empty segment/],
  ['a/', /empty segment/],
  ['C:', /drive/],
  ['c:/Windows', /drive/],
  ['C:\\Windows', /drive/],
  ['\\\\server\\share', /server/],
  ['a\0b', /control/],
  ['a\nb', /control/],
  ['\u001b[2J', /control/],
  ['a\ud800', /Unicode/],
  ['\udc00b', /Unicode/],
  ['\udc00\ud800', /Unicode/],
  ['a\ud83d/b', /Unicode/],
  ['a'.repeat(MAX_PATH_BYTES + 1), /longer/],
  ['€'.repeat(MAX_PATH_BYTES / 3 + 1), /longer/],
];

/** Ordinary on some system: renamed where they are saved if need be, never refused. */
const ACCEPTED = [
  'a',
  'a/b/c.txt',
  '...',
  '..a',
  'a..',
  '.hidden',
  'a:b',
  'aux.c',
  'x/C:/y',
  'back\\slash',
  '\\one',
  'con',
  'trailing. ',
  '😀.txt',
  'שלום',
  'a\u202egpj.exe',
  'a\u009bb',
  'n'.repeat(300),
  'a'.repeat(MAX_PATH_BYTES),
  'é'.repeat(MAX_PATH_BYTES / 2),
];

describe('checkPath', () => {
  test.each(REFUSED)('refuses %j', (path, why) => {
    expect(() => checkPath(path)).toThrow(ProtocolViolation);
    expect(() => checkPath(path)).toThrow(why);
  });

  test.each(ACCEPTED)('accepts %j', (path) => {
    expect(() => checkPath(path)).not.toThrow();
  });

  const hostile = fc.string({
    unit: fc.oneof(
      fc.constantFrom('/', '.', '..', '\\', ':', 'C', '\0', '\ud83d', '\ude00', '€'),
      fc.string(),
    ),
  });

  test('what it accepts stays below where it starts, and survives UTF-8', () => {
    fc.assert(
      fc.property(hostile, (path) => {
        try {
          checkPath(path);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolViolation);
          return;
        }
        const bytes = new TextEncoder().encode(path);
        expect(bytes.length).toBeLessThanOrEqual(MAX_PATH_BYTES);
        expect(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)).toBe(path);
        expect(new URL(`file:///top/${path.split('/').map(encodeURIComponent).join('/')}`).pathname).toMatch(
          /^\/top\/./,
        );
      }),
      { numRuns: 2000 },
    );
  });
});

const file = (path: string) => ({ kind: 'file', path }) as const;
const folder = (path: string) => ({ kind: 'folder', path }) as const;
function add(...entries: readonly { kind: 'file' | 'folder'; path: string }[]): PathTree {
  const tree = new PathTree();
  for (const entry of entries) tree.add(entry);
  return tree;
}

describe('PathTree', () => {
  test.each([
    ['the same file twice', [file('a/b'), file('a/b')], /twice/],
    ['the same folder twice', [folder('a'), folder('a')], /twice/],
    ['a file, then a folder of that name', [file('a'), folder('a')], /both/],
    ['a folder, then a file of that name', [folder('a/b'), file('a/b')], /both/],
    ['a file, then something in it', [file('a'), file('a/b')], /both/],
    ['something in a folder, then a file of its name', [file('a/b/c'), file('a/b')], /both/],
    ['something deep in a file', [file('a'), folder('a/b/c')], /both/],
    ['a path refused by itself', [file('a/../b')], /relative/],
  ])('refuses %s', (_, entries, why) => {
    expect(() => add(...entries)).toThrow(ProtocolViolation);
    expect(() => add(...entries)).toThrow(why);
  });

  test('accepts a folder listed before or after what lies in it, and names alike in other folders', () => {
    add(
      folder('a'),
      file('a/b'),
      file('c/d'),
      folder('c'),
      file('c/b'),
      folder('c/a'),
      file('1/a'),
      file('0'),
    );
  });

  test('agrees with the definition, whatever the order', () => {
    const segment = fc.constantFrom('a', 'b', '0', '1');
    const entry = fc.record({
      kind: fc.constantFrom('file' as const, 'folder' as const),
      path: fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/')),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), (entries) => {
        const isFault = entries.some((one, i) =>
          entries.some(
            (other, j) =>
              i !== j &&
              (one.path === other.path || (one.kind === 'file' && other.path.startsWith(`${one.path}/`))),
          ),
        );
        let refused = false;
        try {
          add(...entries);
        } catch {
          refused = true;
        }
        expect(refused).toBe(isFault);
      }),
      { numRuns: 2000 },
    );
  });

  test('holds a million entries', () => {
    const tree = new PathTree();
    for (let i = 0; i < MAX_ENTRIES; i++) tree.add(file(`share/${i % 1000}/photo-${i}.jpg`));
    expect(() => tree.add(file('share/7/photo-7.jpg'))).toThrow(/twice/);
  });

  test('stops a manifest whose few paths imply more folders than it could list', () => {
    const tree = new PathTree();
    const deep = '/a'.repeat(2000);
    expect(() => {
      for (let i = 0; i < MAX_ENTRIES; i++) tree.add(file(`${i}${deep}`));
    }).toThrow(/too many folders/);
  });
});
