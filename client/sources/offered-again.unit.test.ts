import { expect, test } from 'vitest';
import type { Entry } from '#protocol/entry.ts';
import { differences } from './offered-again.ts';

const file = (path: string, sizeBytes: number, modifiedMs = 5): Entry => ({
  kind: 'file',
  path,
  sizeBytes,
  modifiedMs,
});
const BEFORE = [{ kind: 'folder', path: 'trip' } as const, file('trip/a', 1), file('b', 2), file('c', 3)];

test('the same files are the same, whatever their order and whatever comes with them', () => {
  expect(differences(BEFORE, [file('new', 9), ...BEFORE.toReversed()])).toEqual({ changed: [], missing: [] });
});

test('a file of another size or time has changed; one that is not there, or is a folder now, is missing', () => {
  const now = [file('trip/a', 7), file('b', 2, 6), { kind: 'folder', path: 'c' } as const];
  expect(differences(BEFORE, now)).toEqual({ changed: ['trip/a', 'b'], missing: ['trip', 'c'] });
});

test('where no name is the same it is another share', () => {
  expect(differences(BEFORE, [file('other', 1)])).toBeNull();
});
