import { describe, expect, test, vi } from 'vitest';
import { fileSourceContract } from '#transport/file-source.contract.ts';
import { offerGathered } from './browser-file-source.ts';
import { Gathering } from './gathering.ts';
import { gatherPicked } from './picked-files.ts';

/** A file as a folder input gives it. */
function picked(path: string, bytes: Uint8Array<ArrayBuffer>): File {
  const file = new File([bytes], path.slice(path.lastIndexOf('/') + 1), { lastModified: 1_700_000_000_000 });
  Object.defineProperty(file, 'webkitRelativePath', { value: path.includes('/') ? path : '' });
  return file;
}

function gather(files: File[]): Gathering {
  const gathering = new Gathering(() => {});
  gatherPicked(gathering, files);
  return gathering;
}

describe('files from a folder input', () => {
  test.each(fileSourceContract)('$name', async ({ run }) => {
    await run({
      offer: async (samples) =>
        offerGathered(gather(Array.from(samples, ([path, bytes]) => picked(path, bytes)))).source,
    });
  });

  test('folders come before what lies in them, with the times of files kept', () => {
    const { source } = offerGathered(gather([picked('trip/raw/a', new Uint8Array(3))]));
    expect(source.entries).toEqual([
      { kind: 'folder', path: 'trip' },
      { kind: 'folder', path: 'trip/raw' },
      { kind: 'file', path: 'trip/raw/a', sizeBytes: 3, modifiedMs: 1_700_000_000_000 },
    ]);
  });
});

test('files of one name from different folders are told apart', () => {
  const { source, skipped } = offerGathered(
    gather([
      picked('a.txt', new Uint8Array(1)),
      picked('a.txt', new Uint8Array(2)),
      picked('a.txt', new Uint8Array(3)),
    ]),
  );
  expect(source.entries.map(({ path }) => path)).toEqual(['a.txt', 'a (2).txt', 'a (3).txt']);
  expect(skipped).toEqual([]);
});

test('a name that cannot travel is left out and said to be', () => {
  const { source, skipped } = offerGathered(
    gather([picked('a\nb', new Uint8Array(1)), picked('fine', new Uint8Array(1))]),
  );
  expect(source.entries.map(({ path }) => path)).toEqual(['fine']);
  expect(skipped).toEqual([{ path: 'a\nb', why: 'name' }]);
});

test.each([
  ['small one is read once, without a slice', 4096, []],
  ['larger one is looked at again once it has been read', 70_000, [[69_999, 70_000]]],
])('a %s', async (_, lengthBytes, slices) => {
  const bytes = new Uint8Array(lengthBytes).map((_byte, at) => at % 251);
  const file = picked('file', bytes);
  const [slice, arrayBuffer] = [vi.spyOn(file, 'slice'), vi.spyOn(file, 'arrayBuffer')];
  const { source } = offerGathered(gather([file]));
  const got = await source.read(0, 0, lengthBytes);
  expect(got.every((byte, at) => byte === bytes[at])).toBe(true);
  await source.confirmUnchanged(0);
  expect(slice.mock.calls).toEqual(slices);
  expect(arrayBuffer).toHaveBeenCalledOnce();
});
