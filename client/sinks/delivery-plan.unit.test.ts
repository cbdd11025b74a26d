import { describe, expect, test } from 'vitest';
import type { Entry } from '#protocol/entry.ts';
import { DeliveryPlan } from './delivery-plan.ts';

const NOW_MS = new Date(2031, 2, 4, 23, 30).getTime();

function plan(...entries: Entry[]): DeliveryPlan {
  return new DeliveryPlan(
    entries.map((entry, index) => ({ id: index + 10, entry })),
    NOW_MS,
  );
}

const file = (path: string): Entry => ({ kind: 'file', path, sizeBytes: 1 });
const folder = (path: string): Entry => ({ kind: 'folder', path });

describe('what the download is called', () => {
  test.each([
    ['the only file', [file('a/b/report.html')], 'report.html'],
    ['the only file, with a name that Windows reserves', [file('con.txt')], '_con.txt'],
    ['a folder of one file, chosen as a folder', [folder('trip'), file('trip/a')], 'trip.zip'],
    ['one folder that is only implied', [file('trip/a'), file('trip/b')], 'trip.zip'],
    ['an empty folder', [folder('trip')], 'trip.zip'],
    ['loose files', [file('a'), file('b')], 'sallyport-2031-03-04.zip'],
    ['a folder and a file', [folder('trip'), file('b')], 'sallyport-2031-03-04.zip'],
  ])('%s', (_what, entries, name) => {
    expect(plan(...entries).fileName).toBe(name);
  });

  test('its type never lets a browser show it as a page of ours', () => {
    expect(plan(file('page.html')).mediaType).toBe('application/octet-stream');
  });
});

test('times and executable bits are kept; an unknown time is that of the delivery', () => {
  const { items } = plan(
    { kind: 'file', path: 'run', sizeBytes: 3, modifiedMs: 5000, executable: true },
    folder('trip'),
  );
  expect(items).toEqual([
    { id: 10, kind: 'file', path: 'run', sizeBytes: 3, modifiedMs: 5000, executable: true },
    { id: 11, kind: 'folder', path: 'trip', sizeBytes: 0, modifiedMs: NOW_MS, executable: false },
  ]);
});

test('says what is held, under the names that it got', () => {
  const delivery = plan(file('Makefile'), file('makefile'), folder('x'));
  expect(delivery.saved([11, 12])).toEqual([
    { id: 11, savedAs: 'makefile (2)' },
    { id: 12, savedAs: 'x' },
  ]);
});

test('folders alone are worth saving only if nothing else was asked for', () => {
  expect(plan(folder('x')).isWorthSaving([10])).toBe(true);
  expect(plan(folder('x'), file('x/a')).isWorthSaving([10])).toBe(false);
  expect(plan(folder('x'), file('x/a')).isWorthSaving([10, 11])).toBe(true);
});
