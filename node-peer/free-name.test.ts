import { join } from 'node:path';
import { expect, test } from 'vitest';
import { moveToFreeName, underFreeName } from './free-name.ts';
import { QuickCalls } from './quick-calls.ts';
import { look, plant, scratchFolder } from './scratch-folder.testing.ts';

test('takes the first name that is free, and no other', async () => {
  const taken = new Set(['a.txt', 'a (2).txt']);
  const tried: string[] = [];
  const make = async (name: string) => {
    tried.push(name);
    return !taken.has(name);
  };
  expect(await underFreeName('a.txt', 'file', make)).toBe('a (3).txt');
  expect(tried).toEqual(['a.txt', 'a (2).txt', 'a (3).txt']);
  expect(await underFreeName('v1.2', 'folder', async (name) => name !== 'v1.2')).toBe('v1.2 (2)');
});

test('gives up when no name is ever free', async () => {
  await expect(underFreeName('a', 'file', async () => false)).rejects.toThrow('every name is taken');
});

test('moves a file to a free name, and leaves both alone where it is taken', async () => {
  const [scratch, calls] = [await scratchFolder(), new QuickCalls()];
  await plant(scratch, { from: 'new', taken: 'old' });
  expect(await moveToFreeName(calls, join(scratch, 'from'), join(scratch, 'taken'))).toBe(false);
  expect(await look(scratch)).toEqual({ from: 'new', taken: 'old' });
  expect(await moveToFreeName(calls, join(scratch, 'from'), join(scratch, 'free'))).toBe(true);
  expect(await look(scratch)).toEqual({ free: 'new', taken: 'old' });
});
