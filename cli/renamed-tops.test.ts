import { expect, test } from 'vitest';
import { renamedTops } from './renamed-tops.ts';

const entries = ['album', 'album/a', 'film.bin', 'notes'].map((path) => ({ path }));

function saved(...places: string[]) {
  return places.map((place, id) => ({ id, savedAs: `/got/${place}` }));
}

test('names what had to give way, once, and nothing that did not', () => {
  const places = saved('album (2)', 'album (2)/a', 'film (3).bin', 'notes');
  expect([...renamedTops(entries, places, '/got')]).toEqual([
    ['album', 'album (2)'],
    ['film.bin', 'film (3).bin'],
  ]);
});

test('a folder that has no entry of its own is seen by what lies in it', () => {
  expect([...renamedTops([{ path: 'album/a' }], saved('album (2)/a'), '/got')]).toEqual([
    ['album', 'album (2)'],
  ]);
});

test('a name made safe further down is not told', () => {
  expect([...renamedTops([{ path: 'album/a\u202e' }], saved('album/a_'), '/got')]).toEqual([]);
});
