import { expect, test } from 'vitest';
import { renamedPaths } from './renamed-paths.ts';

const entries = ['album', 'album/a', 'film.bin', 'notes'].map((path) => ({ path }));

function saved(...places: string[]) {
  return places.map((place, id) => ({ id, savedAs: `/got/${place}` }));
}

test('names what had to give way, once, and nothing that did not', () => {
  const places = saved('album (2)', 'album (2)/a', 'film (3).bin', 'notes');
  expect([...renamedPaths(entries, places, '/got')]).toEqual([
    ['album', 'album (2)'],
    ['film.bin', 'film (3).bin'],
  ]);
});

test('a folder that has no entry of its own is seen by what lies in it', () => {
  expect([...renamedPaths([{ path: 'album/a' }], saved('album (2)/a'), '/got')]).toEqual([
    ['album', 'album (2)'],
  ]);
});

test('a name further down is told with what it lies in', () => {
  const offered = ['album/a:', 'album/b/c', 'd/e'].map((path) => ({ path }));
  expect([...renamedPaths(offered, saved('album (2)/a_', 'album (2)/b/c (2)', 'd/e'), '/got')]).toEqual([
    ['album', 'album (2)'],
    ['album/a:', 'album (2)/a_'],
    ['album/b/c', 'album (2)/b/c (2)'],
  ]);
});

test('one that looks the same is not told', () => {
  expect([...renamedPaths([{ path: 'album/a\u202e' }], saved('album/a_'), '/got')]).toEqual([]);
});
