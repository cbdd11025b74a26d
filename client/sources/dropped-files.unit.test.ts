import { expect, test } from 'vitest';
import { droppedRoots, gatherDropped } from './dropped-files.ts';
import { Gathering } from './gathering.ts';

interface Fake {
  readonly name: string;
  readonly children?: readonly Fake[];
  readonly unreadable?: boolean;
}

/** What a browser hands out for a dropped folder; like Chromium's it lists a few children at a time. */
function entry(fake: Fake): FileSystemEntry {
  const { name, children, unreadable = false } = fake;
  if (children === undefined) {
    const file = (found: (file: File) => void, refused: (error: Error) => void) =>
      unreadable ? refused(new Error('gone')) : found(new File(['x'], name));
    return { name, isFile: true, isDirectory: false, file } as unknown as FileSystemEntry;
  }
  const createReader = () => {
    const rest = children.map(entry);
    return {
      readEntries: (found: (batch: FileSystemEntry[]) => void, refused: (error: Error) => void) =>
        unreadable ? refused(new Error('forbidden')) : found(rest.splice(0, 2)),
    };
  };
  return { name, isFile: false, isDirectory: true, createReader } as unknown as FileSystemEntry;
}

function item(fake: Fake): DataTransferItem {
  const file = fake.children === undefined ? new File(['x'], fake.name) : null;
  return {
    kind: 'file',
    webkitGetAsEntry: () => entry(fake),
    getAsFile: () => file,
  } as unknown as DataTransferItem;
}

async function gather(...fakes: Fake[]): Promise<Gathering> {
  const gathering = new Gathering(() => {});
  await gatherDropped(gathering, droppedRoots(fakes.map(item)));
  return gathering;
}

test('folders are walked to the end, empty ones included, parents first', async () => {
  const { gathered, skipped } = await gather({
    name: 'trip',
    children: [
      { name: 'c' },
      { name: 'b' },
      { name: 'sub', children: [{ name: 'z' }] },
      { name: 'a' },
      { name: 'empty', children: [] },
    ],
  });
  expect(gathered.map(({ path }) => path)).toEqual([
    ...['trip', 'trip/a', 'trip/b', 'trip/c'],
    ...['trip/empty', 'trip/sub', 'trip/sub/z'],
  ]);
  expect(gathered.filter(({ file }) => file === null).map(({ path }) => path)).toEqual([
    'trip',
    'trip/empty',
    'trip/sub',
  ]);
  expect(skipped).toEqual([]);
});

test('what cannot be read is skipped, and the rest goes on', async () => {
  const { gathered, skipped } = await gather({
    name: 'trip',
    children: [
      { name: 'locked', children: [], unreadable: true },
      { name: 'gone', unreadable: true },
      { name: 'fine' },
    ],
  });
  expect(skipped).toEqual([
    { path: 'trip/gone', why: 'unreadable' },
    { path: 'trip/locked', why: 'unreadable' },
  ]);
  expect(gathered.map(({ path }) => path)).toContain('trip/fine');
});

test('two things of one name, dropped together, stay two', async () => {
  const { gathered } = await gather(
    { name: 'a.txt' },
    { name: 'a.txt' },
    { name: 'docs', children: [{ name: 'x' }] },
    { name: 'docs', children: [{ name: 'x' }] },
  );
  expect(gathered.map(({ path }) => path)).toEqual([
    ...['a.txt', 'a (2).txt'],
    ...['docs', 'docs/x', 'docs (2)', 'docs (2)/x'],
  ]);
});

test('text is not a file', () => {
  const text = { kind: 'string' } as DataTransferItem;
  expect(droppedRoots([text, item({ name: 'a' })])).toHaveLength(1);
});
