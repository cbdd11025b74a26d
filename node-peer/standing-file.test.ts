import { createHash } from 'node:crypto';
import {
  appendFile,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FileEntry } from '#protocol/entry.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { namesOf } from '#transport/testing/delivery-names.ts';
import { FolderSink } from './folder-sink.ts';
import { scratchFolder } from './scratch-folder.testing.ts';

const ROOT = new Uint8Array(32);
const PARTIAL = '.sallyport-partial-share';
const SIZE = 2 * BLOCK_BYTES + 9;
const [BEFORE, AFTER] = [1_700_000_000_000, 1_700_000_001_000];

const block = (fill: number, lengthBytes = BLOCK_BYTES) => new Uint8Array(lengthBytes).fill(fill);
const BLOCKS = [block(1), block(2), block(3, 9)] as const;
const WHOLE = Buffer.concat(BLOCKS);
const leafOf = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());

async function opened(target: string, { modifiedMs = BEFORE, sizeBytes = SIZE } = {}) {
  const sink = await FolderSink.create(target);
  const entry: FileEntry = { kind: 'file', path: 'a', sizeBytes, modifiedMs };
  const [held] = await sink.open([{ id: 0, entry }], namesOf('share'));
  const write = (index: number, bytes: Uint8Array<ArrayBuffer>) =>
    sink.write(0, index * BLOCK_BYTES, bytes, leafOf(bytes));
  const end = async () => {
    await sink.commit(0, ROOT);
    const [saved] = await sink.finish();
    return saved?.savedAs.slice(target.length + 1);
  };
  return { sink, held, indices: [...(held?.leaves.keys() ?? [])], write, end };
}

/** A folder in which the file has its final name, and its delivery was interrupted. */
async function standing(): Promise<{ target: string; path: string }> {
  const target = await scratchFolder();
  const { sink, write } = await opened(target);
  for (const [index, bytes] of BLOCKS.entries()) await write(index, bytes);
  await sink.commit(0, ROOT);
  await sink.suspend();
  return { target, path: join(target, 'a') };
}

/** Damages it, and gives it its time again. */
async function damage(path: string): Promise<Buffer> {
  const handle = await open(path, 'r+');
  await handle.write(Uint8Array.of(99), 0, 1, BLOCK_BYTES + 5);
  await handle.utimes(new Date(BEFORE), new Date(BEFORE));
  await handle.close();
  return readFile(path);
}

const names = async (target: string) => (await readdir(target)).sort();

describe('a file that has its final name from an earlier run', () => {
  test('counts with the size and time that the sender tells, and is read where it stands', async () => {
    const { target } = await standing();
    const { sink, held } = await opened(target);
    const leaves = new Map(BLOCKS.map((bytes, index) => [index, leafOf(bytes)]));
    expect(held).toEqual({ id: 0, committed: true, resized: false, leaves });
    expect(await sink.read(0, 2 * BLOCK_BYTES, 9)).toEqual(block(3, 9));
    expect(sink.savedFiles.map(({ path }) => path)).toEqual(['a']);
    await sink.finish();
    expect(await names(target)).toEqual(['a']);
  });

  test('keeps its name, and nothing is copied, where only its time is another, on either side', async () => {
    for (const isHere of [true, false]) {
      const { target, path } = await standing();
      if (isHere) await utimes(path, 5, 5);
      const { ino } = await stat(path);
      const { held, indices, end } = await opened(target, { modifiedMs: isHere ? BEFORE : AFTER });
      expect(held?.committed).toBe(false);
      expect(indices).toEqual([0, 1, 2]);
      expect(await end()).toBe('a');
      expect(await names(target)).toEqual(['a']);
      expect((await stat(path)).ino).toBe(ino);
    }
  });

  test('stays as it is where it was damaged or changed; what is good of it goes on in a copy, in a third run too', async () => {
    const { target, path } = await standing();
    const damaged = await damage(path);
    const first = await opened(target);
    expect(first.held?.committed).toBe(true);
    first.sink.reopen(0);
    expect((await first.sink.read(0, BLOCK_BYTES, BLOCK_BYTES))[5]).toBe(99);
    expect(await readdir(join(target, PARTIAL))).not.toContain('0');
    await first.write(1, block(2));
    await first.sink.suspend();
    expect((await readFile(path)).equals(damaged)).toBe(true);
    const third = await opened(target);
    expect([third.held?.committed, third.indices.sort()]).toEqual([false, [0, 1, 2]]);
    expect(leafOf(await third.sink.read(0, 0, BLOCK_BYTES))).toEqual(leafOf(BLOCKS[0]));
    expect(await third.end()).toBe('a (2)');
    expect(third.sink.savedFiles.map((saved) => saved.path)).toEqual(['a (2)']);
    expect(await names(target)).toEqual(['a', 'a (2)']);
    expect((await readFile(path)).equals(damaged)).toBe(true);
    expect((await readFile(join(target, 'a (2)'))).equals(WHOLE)).toBe(true);
  });

  test.each([
    ['longer', 3 * BLOCK_BYTES, [0, 1], [2]],
    ['shorter', 2 * BLOCK_BYTES, [0, 1], []],
    ['shorter than a block', 7, [], [0]],
  ])(
    'stays where the sender’s is %s now; what is the same is copied',
    async (_, sizeBytes, same, fetched) => {
      const { target, path } = await standing();
      const { held, indices, write, end } = await opened(target, { sizeBytes, modifiedMs: AFTER });
      expect(held).toMatchObject({ committed: false, resized: true });
      expect(indices).toEqual(same);
      for (const index of fetched) await write(index, block(7, Math.min(sizeBytes, BLOCK_BYTES)));
      expect(await end()).toBe('a (2)');
      expect((await readFile(path)).equals(WHOLE)).toBe(true);
      const now = await readFile(join(target, 'a (2)'));
      expect(now.length).toBe(sizeBytes);
      expect(now.subarray(0, same.length * BLOCK_BYTES)).toEqual(
        WHOLE.subarray(0, same.length * BLOCK_BYTES),
      );
    },
  );

  test('is there after whatever ends the delivery of its next version', async () => {
    for (const ending of ['discard', 'abort', 'suspend', 'not chosen'] as const) {
      const { target, path } = await standing();
      const { sink, write } = await opened(target, { sizeBytes: SIZE + 5, modifiedMs: AFTER });
      await write(1, block(9));
      if (ending === 'discard') await sink.discard(0);
      await (ending === 'abort' ? sink.abort() : sink.suspend());
      if (ending === 'not chosen') {
        const none = await FolderSink.create(target);
        await none.open([], namesOf('share'));
        await none.abort();
      }
      expect((await readFile(path)).equals(WHOLE), ending).toBe(true);
    }
  });

  test('is not written to by its other names', async () => {
    const { target, path } = await standing();
    await link(path, join(target, 'backup'));
    const { write, end } = await opened(target, { modifiedMs: AFTER });
    await write(1, block(9));
    expect(await end()).toBe('a (2)');
    expect((await readFile(join(target, 'backup'))).equals(WHOLE)).toBe(true);
  });

  test('of which a run that died had not yet removed the other name is that one file', async () => {
    const { target, path } = await standing();
    await link(path, join(target, PARTIAL, '0'));
    await appendFile(path, 'mine');
    const { held, write, end } = await opened(target);
    expect(held).toBeUndefined();
    for (const [index, bytes] of BLOCKS.entries()) await write(index, bytes);
    expect(await end()).toBe('a (2)');
    expect((await readFile(path)).subarray(SIZE).toString()).toBe('mine');
    expect((await readFile(join(target, 'a (2)'))).equals(WHOLE)).toBe(true);
  });

  test.each<[string, (path: string) => Promise<unknown>]>([
    ['gone', async () => {}],
    ['a folder', (path) => mkdir(path)],
    ['a link', (path) => symlink('elsewhere', path)],
    ['a shorter file', (path) => writeFile(path, 'short')],
  ])('and is %s when it is to be read is had again as a whole', async (_, putThere) => {
    const { target, path } = await standing();
    await writeFile(join(target, 'elsewhere'), WHOLE);
    const { sink, write, end } = await opened(target);
    await rm(path);
    await putThere(path);
    sink.reopen(0);
    await expect(sink.read(0, 0, BLOCK_BYTES)).rejects.toMatchObject({ code: 'sink-failed' });
    for (const [index, bytes] of BLOCKS.entries()) await write(index, bytes);
    const place = (await end()) ?? '';
    expect((await readFile(join(target, place))).equals(WHOLE)).toBe(true);
    expect((await readFile(join(target, 'elsewhere'))).equals(WHOLE)).toBe(true);
  });

  test('that changes while it is gone on with gives no false copy', async () => {
    const { target, path } = await standing();
    const { sink, write } = await opened(target, { modifiedMs: AFTER });
    expect(leafOf(await sink.read(0, BLOCK_BYTES, BLOCK_BYTES))).toEqual(leafOf(BLOCKS[1]));
    await damage(path);
    await write(0, block(9));
    await expect(sink.commit(0, ROOT)).rejects.toMatchObject({ code: 'sink-failed' });
    await sink.discard(0);
    await sink.abort();
    expect(await names(target)).toEqual(['a']);
  });

  test('moved elsewhere is not found, and had again under its name', async () => {
    const { target, path } = await standing();
    await rename(path, join(target, 'mine'));
    const { held, write, end } = await opened(target);
    expect(held).toBeUndefined();
    for (const [index, bytes] of BLOCKS.entries()) await write(index, bytes);
    expect(await end()).toBe('a');
    expect(await names(target)).toEqual(['a', 'mine']);
  });
});
