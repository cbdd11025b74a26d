import { createHash } from 'node:crypto';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { scratchFolder } from '#node-peer/scratch-folder.testing.ts';
import { LeafTree } from '#protocol/leaf-tree.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import type { CliEvent } from './events.ts';
import { receivedFiles, recordReceived } from './received-records.ts';
import { verify } from './verify.ts';

let folder = '';

beforeEach(async () => {
  const scratch = await scratchFolder();
  vi.stubEnv('XDG_STATE_HOME', join(scratch, 'state'));
  onTestFinished(() => void vi.unstubAllEnvs());
  folder = join(scratch, 'got');
  await mkdir(join(folder, 'album'), { recursive: true });
});

const CONTENTS = {
  'album/film': Buffer.alloc(2 * BLOCK_BYTES + 5, 'film'),
  'album/note.txt': Buffer.from('note'),
  empty: Buffer.alloc(0),
};

/** As a delivery does: by leaves and the tree over them. */
function rootOf(bytes: Buffer): Uint8Array {
  const blocks = Math.ceil(bytes.length / BLOCK_BYTES);
  const tree = new LeafTree(bytes.length, blocks);
  for (let i = 0; i < blocks; i += 1) {
    const block = bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
    tree.set(i, createHash('sha256').update(block).digest());
  }
  return tree.root();
}

async function received(contents: Record<string, Buffer> = CONTENTS): Promise<void> {
  for (const [path, bytes] of Object.entries(contents)) await writeFile(join(folder, path), bytes);
  const files = Object.entries(contents).map(([path, bytes]) => ({
    path,
    sizeBytes: bytes.length,
    root: rootOf(bytes),
  }));
  await recordReceived(folder, files);
}

async function verified(...paths: string[]) {
  const said: CliEvent[] = [];
  const status = await verify(paths, { say: (event) => said.push(event) }, new AbortController().signal);
  const verdicts = said.flatMap((event) =>
    event.event === 'verified' ? [[event.path.slice(folder.length + 1), event.verdict]] : [],
  );
  return { status, verdicts: Object.fromEntries(verdicts), last: said.at(-1) };
}

test('what is as it was received is whole', async () => {
  await received();
  expect(await verified(folder)).toEqual({
    status: 0,
    verdicts: { 'album/film': 'whole', 'album/note.txt': 'whole', empty: 'whole' },
    last: { event: 'summary', whole: 3, changed: 0, missing: 0, unreadable: 0 },
  });
});

test('one byte, another length, a file that is gone or no file are found, and named', async () => {
  await received({ ...CONTENTS, gone: Buffer.from('x'), folder: Buffer.from('y') });
  const film = Buffer.from(CONTENTS['album/film']);
  film[BLOCK_BYTES + 1] = 0;
  await writeFile(join(folder, 'album/film'), film);
  await writeFile(join(folder, 'empty'), 'not any more');
  await rm(join(folder, 'gone'));
  await rm(join(folder, 'folder'));
  await mkdir(join(folder, 'folder'));
  expect(await verified(folder)).toEqual({
    status: 1,
    verdicts: {
      'album/film': 'changed',
      'album/note.txt': 'whole',
      empty: 'changed',
      gone: 'missing',
      folder: 'changed',
    },
    last: { event: 'summary', whole: 1, changed: 3, missing: 1, unreadable: 0 },
  });
});

test('a path is a folder or a file, by whatever way it is reached, also when it is gone', async () => {
  await received();
  await symlink(folder, `${folder}-link`);
  expect((await verified(join(folder, 'album'))).verdicts).toEqual({
    'album/film': 'whole',
    'album/note.txt': 'whole',
  });
  expect((await verified(join(`${folder}-link`, 'empty'))).verdicts).toEqual({ empty: 'whole' });
  await rm(join(folder, 'album'), { recursive: true });
  expect(await verified(join(`${folder}-link`, 'album', 'film'))).toMatchObject({
    status: 1,
    verdicts: { 'album/film': 'missing' },
  });
});

test('where nothing is recorded, that is said, beside what is', async () => {
  expect(await verified(folder)).toMatchObject({ status: 2, last: { event: 'error', code: 'usage' } });
  await received();
  expect(await verified(join(folder, 'alb'))).toMatchObject({ status: 2, verdicts: {} });
  expect(await verified(join(folder, 'empty'), join(folder, 'other'))).toMatchObject({
    status: 2,
    verdicts: { empty: 'whole' },
  });
});

test('of a file that was received twice the last holds; a record that makes no sense is none', async () => {
  await received();
  vi.spyOn(Date, 'now').mockReturnValueOnce(Date.now() + 1000);
  await received({ 'album/note.txt': Buffer.from('another note') });
  await writeFile(join(process.env['XDG_STATE_HOME'] ?? '', 'sallyport/received/x.json'), '{"folder":1}');
  expect((await verified(folder)).status).toBe(0);
  expect((await receivedFiles()).size).toBe(3);
});
