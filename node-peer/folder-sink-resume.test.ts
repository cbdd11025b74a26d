import { createHash } from 'node:crypto';
import { promises } from 'node:fs';
import {
  appendFile,
  chmod,
  mkdir,
  open,
  readdir,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { FileEntry } from '#protocol/entry.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import type { ChosenEntry } from '#transport/sink.ts';
import { namesOf } from '#transport/testing/delivery-names.ts';
import { FolderSink } from './folder-sink.ts';
import { look, plant, scratchFolder } from './scratch-folder.testing.ts';

const ROOT = new Uint8Array(32);
const PARTIAL = '.sallyport-partial-share';

const file = (id: number, path: string, sizeBytes: number): ChosenEntry & { entry: FileEntry } => ({
  id,
  entry: { kind: 'file', path, sizeBytes },
});
const block = (fill: number, lengthBytes = BLOCK_BYTES) => new Uint8Array(lengthBytes).fill(fill);
const leafOf = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());

async function opened(target: string, chosen: readonly ChosenEntry[], shareId = 'share') {
  const sink = await FolderSink.create(target);
  const held = new Map((await sink.open(chosen, namesOf(shareId))).map((one) => [one.id, one]));
  return {
    sink,
    held,
    /** Blocks of the file that are held. */
    blocksOf(id: number) {
      const one = held.get(id);
      return one?.committed ? true : one && [...one.leaves.keys()].sort((a, b) => a - b);
    },
    write: (id: number, index: number, bytes: Uint8Array<ArrayBuffer>) =>
      sink.write(id, index * BLOCK_BYTES, bytes, leafOf(bytes)),
  };
}

describe('which delivery is held', () => {
  const chosen = [file(0, 'a', 2 * BLOCK_BYTES)];
  const left = async (target: string, deliveryId: string) => {
    const sink = await FolderSink.create(target);
    await sink.open(chosen, namesOf('share', deliveryId));
    await sink.write(0, 0, block(1), leafOf(block(1)));
    return sink;
  };

  test('is known before it is opened, and opened as that or as another', async () => {
    const target = await scratchFolder();
    await (await left(target, 'first')).suspend();
    const sink = await FolderSink.create(target);
    expect(await sink.claim('share')).toBe('first');
    const held = await sink.open(chosen, namesOf('share', 'second'));
    expect(held).toMatchObject([{ id: 0, committed: false }]);
    await sink.suspend();
    const again = await FolderSink.create(target);
    expect(await again.claim('share')).toBe('second');
    await again.release();
    expect(await readdir(target)).toEqual([PARTIAL]);
  });

  test('is nobody else’s while somebody has it, opened or not', async () => {
    const target = await scratchFolder();
    const claim = async () => {
      const sink = await FolderSink.create(target);
      return { sink, id: await sink.claim('share') };
    };
    const open = await left(target, 'first');
    const other = await claim();
    expect(other.id).toBeNull();
    await other.sink.release();
    expect(await readdir(target)).toEqual([PARTIAL]);
    await open.suspend();

    const [first, second] = [await claim(), await claim()];
    expect([first.id, second.id]).toEqual(['first', null]);
    await Promise.all([first.sink.release(), second.sink.release()]);
    expect(await readdir(target)).toEqual([PARTIAL]);
    const third = await claim();
    expect(third.id).toBe('first');
    await third.sink.release();
    expect(await readdir(join(target, PARTIAL))).not.toContain('lock');
  });

  test('is none where nothing is, and no trace is left of having looked', async () => {
    const target = await scratchFolder();
    const sink = await FolderSink.create(target);
    expect(await sink.claim('share')).toBeNull();
    expect(await readdir(target)).toEqual([]);
    await sink.release();
  });

  test('what was opened is not given back by a late release', async () => {
    const target = await scratchFolder();
    const sink = await left(target, 'first');
    await sink.release();
    const other = await FolderSink.create(target);
    expect(await other.claim('share')).toBeNull();
    await other.release();
    await sink.suspend();
  });
});

test('folders that were numbered are gone on with, for entries in any order', async () => {
  const target = await scratchFolder();
  await plant(target, { 'album/a': 'old', 'b.txt': 'old' });
  const first = await opened(target, [file(0, 'album/a', 9), file(1, 'album/sub/c', 9), file(2, 'b.txt', 9)]);
  await first.write(0, 0, block(1, 9));
  await first.sink.commit(0, ROOT);
  await first.sink.suspend();
  const again = [
    file(5, 'b.txt', 9),
    file(6, 'album/sub/c', 9),
    file(7, 'album/a', 9),
    file(8, 'album/d', 9),
  ];
  const second = await opened(target, again);
  expect(second.blocksOf(7)).toBe(true);
  for (const id of [5, 6, 8])
    await second.write(id, 0, block(id, 9)).then(() => second.sink.commit(id, ROOT));
  const said = await second.sink.finish();
  expect(said.map(({ savedAs }) => savedAs.slice(target.length + 1))).toEqual([
    'b (2).txt',
    'album (2)/sub/c',
    'album (2)/a',
    'album (2)/d',
  ]);
  expect((await readdir(target)).sort()).toEqual(['album', 'album (2)', 'b (2).txt', 'b.txt']);
});

describe('a second run of the same share at once', () => {
  test('has partial files of its own, and the next run finds those that are left', async () => {
    const target = await scratchFolder();
    const chosen = [file(0, 'a', 2 * BLOCK_BYTES)];
    const first = await opened(target, chosen);
    await first.write(0, 0, block(1));
    const second = await opened(target, chosen);
    expect(second.held.size).toBe(0);
    await second.write(0, 1, block(2));
    expect((await readdir(target)).sort()).toEqual([PARTIAL, `${PARTIAL}-2`]);
    await second.sink.suspend();
    await first.write(0, 1, block(2));
    await first.sink.commit(0, ROOT);
    await first.sink.finish();
    expect((await readdir(target)).sort()).toEqual([`${PARTIAL}-2`, 'a']);
    const third = await opened(target, chosen);
    expect(third.blocksOf(0)).toEqual([1]);
    await third.sink.abort();
    expect(await readdir(target)).toEqual(['a']);
  });
});

describe('what the disk makes of it meanwhile', () => {
  const chosen = [file(0, 'a', 2 * BLOCK_BYTES + 9), file(1, 'small', 9), file(2, 'large', BLOCK_BYTES)];

  /** Three blocks of the first are written, the other two files committed. */
  async function interrupted() {
    const target = await scratchFolder();
    const run = await opened(target, chosen);
    for (const index of [0, 1, 2]) await run.write(0, index, block(index, index < 2 ? BLOCK_BYTES : 9));
    await run.write(1, 0, block(7, 9));
    await run.write(2, 0, block(8));
    for (const id of [1, 2]) await run.sink.commit(id, ROOT);
    await run.sink.suspend();
    return target;
  }

  test('a byte that flipped is read as it is', async () => {
    const target = await interrupted();
    const partial = await open(join(target, PARTIAL, '0'), 'r+');
    await partial.write(Uint8Array.of(99), 0, 1, BLOCK_BYTES + 5);
    await partial.close();
    const { sink, held } = await opened(target, chosen);
    const one = held.get(0);
    const bytes = await sink.read(0, BLOCK_BYTES, BLOCK_BYTES);
    expect(bytes[5]).toBe(99);
    expect(one?.leaves.get(1)).toEqual(leafOf(block(1)));
    await sink.abort();
  });

  test('blocks beyond a file’s end are not held, nor is a file that is gone', async () => {
    const target = await interrupted();
    await truncate(join(target, PARTIAL, '0'), 2 * BLOCK_BYTES - 1);
    const cut = await opened(target, chosen);
    expect(cut.blocksOf(0)).toEqual([0]);
    await cut.sink.suspend();
    await rm(join(target, PARTIAL, '0'));
    const gone = await opened(target, chosen);
    expect(gone.held.has(0)).toBe(false);
    await gone.write(0, 0, block(0));
    await gone.sink.abort();
  });

  test('a saved file that is gone or has another length is fetched again, under a free name', async () => {
    const target = await interrupted();
    await rm(join(target, 'large'));
    await writeFile(join(target, 'small'), 'longer than it was');
    const { sink, held, write } = await opened(target, chosen);
    expect([...held.keys()]).toEqual([0]);
    await write(1, 0, block(7, 9));
    await sink.commit(1, ROOT);
    await sink.abort();
    expect(Object.keys(await look(target)).sort()).toEqual(['small', 'small (2)']);
  });

  test('a small file that was longer before has nothing of that behind its end', async () => {
    const target = await scratchFolder();
    const first = await opened(target, [file(0, 'a', BLOCK_BYTES + 9)]);
    await first.write(0, 0, block(1));
    await first.write(0, 1, block(1, 9));
    await first.sink.suspend();
    const { sink, write } = await opened(target, [file(0, 'a', 9)]);
    await write(0, 0, block(2, 9));
    await sink.commit(0, ROOT);
    await sink.finish();
    expect(await look(target)).toEqual({ a: '\u0002'.repeat(9) });
  });

  test('bytes behind a file’s end do not get its final name', async () => {
    const target = await interrupted();
    await appendFile(join(target, PARTIAL, '0'), 'junk');
    const { sink, blocksOf } = await opened(target, chosen);
    expect(blocksOf(0)).toEqual([0, 1, 2]);
    await sink.commit(0, ROOT);
    await sink.finish();
    expect((await stat(join(target, 'a'))).size).toBe(2 * BLOCK_BYTES + 9);
  });

  test.each([
    ['is gone', (path: string) => rm(path)],
    ['is cut', (path: string) => truncate(path, 100)],
    ['is empty', (path: string) => truncate(path, 0)],
    ['is another thing', (path: string) => writeFile(path, 'x'.repeat(5000))],
    ['is a folder', (path: string) => rm(path).then(() => mkdir(path))],
  ])('a journal that %s costs no more than what it said', async (_, damage) => {
    const target = await interrupted();
    await damage(join(target, PARTIAL, 'journal'));
    const { sink, held, write } = await opened(target, chosen);
    expect(held.has(0)).toBe(false);
    await write(0, 1, block(1));
    await sink.abort();
    expect((await readdir(target)).sort()).toEqual(['large', 'small']);
  });
});

describe('a folder for partial files that is not ours', () => {
  test('is left alone where it is a link', async () => {
    const scratch = await scratchFolder();
    await plant(scratch, { 'target/': '', 'outside/journal': 'old' });
    const target = join(scratch, 'target');
    await symlink('../outside', join(target, PARTIAL));
    const { sink, write } = await opened(target, [file(0, 'a', 9)]);
    await write(0, 0, block(1, 9));
    await sink.abort();
    expect(await look(scratch)).toMatchObject({ 'outside/journal': 'old' });
    expect(await readdir(join(scratch, 'outside'))).toEqual(['journal']);
  });

  test('is closed to others where it is open to them', async () => {
    const target = await scratchFolder();
    await mkdir(join(target, PARTIAL));
    await chmod(join(target, PARTIAL), 0o777);
    const { sink } = await opened(target, [file(0, 'a', 9)]);
    expect((await stat(join(target, PARTIAL))).mode & 0o777).toBe(0o700);
    await sink.abort();
  });
});

describe('space', () => {
  const withFree = (bytes: number) => {
    const statfs = vi.spyOn(promises, 'statfs');
    statfs.mockResolvedValue({ blocks: 1, bavail: bytes, bsize: 1 } as never);
    syncBuiltinESMExports();
    onTestFinished(() => {
      statfs.mockRestore();
      syncBuiltinESMExports();
    });
  };

  test('is asked for what is not there yet, and a refusal keeps what is', async () => {
    const target = await scratchFolder();
    const chosen = [file(0, 'a', 3 * BLOCK_BYTES), file(1, 'b', 9)];
    const first = await opened(target, chosen);
    await first.write(0, 1, block(1));
    await first.write(1, 0, block(1, 9));
    await first.sink.commit(1, ROOT);
    await first.sink.suspend();
    withFree(2 * BLOCK_BYTES - 1);
    const sink = await FolderSink.create(target);
    await expect(sink.open(chosen, namesOf('share'))).rejects.toMatchObject({ code: 'disk-full' });
    await sink.abort();
    vi.restoreAllMocks();
    withFree(2 * BLOCK_BYTES);
    const { blocksOf, sink: last } = await opened(target, chosen);
    expect([blocksOf(0), blocksOf(1)]).toEqual([[1], true]);
    await last.abort();
  });

  test('that is not there leaves nothing', async () => {
    const target = await scratchFolder();
    withFree(1);
    const sink = await FolderSink.create(target);
    await expect(sink.open([file(0, 'a', 9)], namesOf('share'))).rejects.toMatchObject({ code: 'disk-full' });
    await sink.suspend();
    expect(await readdir(target)).toEqual([]);
  });
});

test('a suspension with nothing to go on with leaves nothing', async () => {
  const target = await scratchFolder();
  const { sink } = await opened(target, [file(0, 'dir/a', 9)]);
  await sink.suspend();
  expect(await readdir(target)).toEqual([]);
});
