import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commonFolder, parseAnswer } from './offer-prompt.ts';

describe('an answer', () => {
  test.each(['', ' ', 'y', 'Y', 'yes', ' Yes ', 'all'])('"%s" takes all', (answer) => {
    expect(parseAnswer(answer, 3)).toBe('all');
  });

  test.each(['n', 'N', 'no', 'q', ' no '])('"%s" takes nothing', (answer) => {
    expect(parseAnswer(answer, 3)).toBe('nothing');
  });

  test.each([
    ['1', [0]],
    ['3,1', [0, 2]],
    ['1, 3', [0, 2]],
    ['1 3', [0, 2]],
    ['2-4', [1, 2, 3]],
    ['2-2', [1]],
    ['1-3,2-5,5', [0, 1, 2, 3, 4]],
    ['005', [4]],
  ])('"%s" picks', (answer, picked) => {
    expect(parseAnswer(answer, 5)).toEqual(picked);
  });

  test.each(['0', '6', '1-6', '3-1', '-1', '1-', 'x', '1,x', ',', '1,,2,', '1.5', '1e3', '٣', '99999999999'])(
    '"%s" means nothing',
    (answer) => {
      expect(parseAnswer(answer, 5)).toBeUndefined();
    },
  );

  test('with numbers picks these, in order, none twice', () => {
    const count = 40;
    const number = fc.integer({ min: 1, max: count });
    const range = fc.tuple(number, number).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    fc.assert(
      fc.property(fc.array(range, { minLength: 1 }), fc.constantFrom(',', ' ', ', '), (ranges, separator) => {
        const wanted = new Set(
          ranges.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i - 1)),
        );
        const answer = ranges.map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`)).join(separator);
        expect(parseAnswer(answer, count)).toEqual([...wanted].sort((a, b) => a - b));
      }),
    );
  });

  test('of any kind picks only what is listed', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(50), (answer, count) => {
        const choice = parseAnswer(answer, count);
        if (Array.isArray(choice)) expect(choice.every((index) => index >= 0 && index < count)).toBe(true);
      }),
    );
  });
});

describe('the folder in which everything lies', () => {
  test.each([
    ['of a file: none', ['a'], ''],
    ['of a file in a folder', ['album/a'], 'album/'],
    ['of an empty folder: none', ['album'], ''],
    ['of a folder and what is in it', ['album', 'album/a', 'album/b'], 'album/'],
    ['whatever comes first', ['album/b', 'album', 'album/a'], 'album/'],
    ['of two files: none', ['a', 'b'], ''],
    ['of two folders: none', ['a', 'a/x', 'b', 'b/x'], ''],
    ['is the deepest', ['a', 'a/b', 'a/b/c', 'a/b/d'], 'a/b/'],
    ['of a file beside a folder', ['a', 'a/b', 'a/b/c', 'a/x'], 'a/'],
    ['of an empty folder in a folder', ['a', 'a/b'], 'a/'],
    ['is not one whose name merely begins alike', ['ab/x', 'abc/x'], ''],
    ['is not one of the same name elsewhere', ['a/b/c', 'x/b/c'], ''],
  ])('%s', (_, paths, folder) => {
    expect(commonFolder(paths.map((path) => ({ path })))).toBe(folder);
  });
});
