import { afterEach, beforeEach, expect, test } from 'vitest';
import { droppedHandles, gatherHandles } from './file-handles.ts';
import { Gathering } from './gathering.ts';

// The page's own file system has handles of the same kind as those of dropped files, and grants them.
let root: FileSystemDirectoryHandle;
const NAME = 'file-handles-test';

beforeEach(async () => {
  root = await (await navigator.storage.getDirectory()).getDirectoryHandle(NAME, { create: true });
});

afterEach(async () => {
  await (await navigator.storage.getDirectory()).removeEntry(NAME, { recursive: true });
});

async function write(folder: FileSystemDirectoryHandle, name: string): Promise<FileSystemFileHandle> {
  const file = await folder.getFileHandle(name, { create: true });
  const writable = await file.createWritable();
  await writable.write(name);
  await writable.close();
  return file;
}

test('files and folders are read again, empty folders included, under the names that they had', async () => {
  const trip = await root.getDirectoryHandle('trip', { create: true });
  await trip.getDirectoryHandle('empty', { create: true });
  await write(trip, 'b.txt');
  const file = await write(root, 'a.txt');
  const gathering = new Gathering(() => {});
  await gatherHandles(gathering, [file, trip, file]);
  expect(gathering.gathered.map(({ path, file: found }) => [path, found?.size ?? null])).toEqual([
    ['a.txt', 5],
    ['trip', null],
    ['trip/b.txt', 5],
    ['trip/empty', null],
    ['a (2).txt', 5],
  ]);
});

test('what is gone, or may not be read, is left out and said to be', async () => {
  const [gone, refused] = [await write(root, 'gone'), await write(root, 'refused')];
  await root.removeEntry('gone');
  Object.assign(refused, { requestPermission: async () => 'denied' });
  const gathering = new Gathering(() => {});
  await gatherHandles(gathering, [gone, refused]);
  expect(gathering.gathered).toEqual([]);
  expect(gathering.skipped.map(({ path }) => path)).toEqual(['refused', 'gone']);
});

test('of a drop either everything is kept hold of, or nothing', async () => {
  const handle = await write(root, 'a');
  const item = (found: FileSystemHandle | null) =>
    ({ kind: 'file', getAsFileSystemHandle: async () => found }) as unknown as DataTransferItem;
  const text = { kind: 'string' } as DataTransferItem;
  expect(await droppedHandles([text, item(handle)])).toEqual([handle]);
  expect(await droppedHandles([item(handle), item(null)])).toBeNull();
  expect(await droppedHandles([{ kind: 'file' } as DataTransferItem])).toBeNull();
  expect(await droppedHandles([text])).toBeNull();
});
