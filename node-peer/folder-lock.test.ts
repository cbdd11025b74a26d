import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FolderLock } from './folder-lock.ts';
import { LinklessFolders } from './linkless-folders.ts';
import { scratchFolder } from './scratch-folder.testing.ts';

async function setUp() {
  const folders = new LinklessFolders();
  onTestFinished(() => folders.close());
  const folder = await folders.addRoot(await scratchFolder());
  return { folder, take: () => FolderLock.take(folders, folder), path: join(folder, 'lock') };
}

test('one at a time, and the next after it is released', async () => {
  const { folder, take } = await setUp();
  const held = await take();
  expect(await take()).toBeNull();
  await held?.release();
  expect(await readdir(folder)).toEqual([]);
  await (await take())?.release();
});

test('of many at once one has it', async () => {
  const { take } = await setUp();
  const taken = (await Promise.all(Array.from({ length: 20 }, take))).filter((lock) => lock !== null);
  expect(taken).toHaveLength(1);
  await taken[0]?.release();
});

test('a lock of a process that was killed is taken over, by one of many', async () => {
  const { take, path, folder } = await setUp();
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await once(child, 'spawn');
  const stat = await readFile(`/proc/${child.pid}/stat`, 'latin1').catch(() => '');
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  await writeFile(path, JSON.stringify({ host: hostname(), pid: child.pid, started }));
  expect(await take()).toBeNull();
  child.kill('SIGKILL');
  await once(child, 'exit');
  const taken = (await Promise.all(Array.from({ length: 20 }, take))).filter((lock) => lock !== null);
  expect(taken).toHaveLength(1);
  expect(await readdir(folder)).toEqual(['lock']);
  await taken[0]?.release();
});

test('a lock of this process id, started at another time, is dead', async () => {
  if (process.platform !== 'linux') return;
  const { take, path } = await setUp();
  await writeFile(path, JSON.stringify({ host: hostname(), pid: process.pid, started: '1' }));
  const taken = await take();
  expect(taken).not.toBeNull();
  await taken?.release();
});

test.each([
  ['of another machine', JSON.stringify({ host: 'another-machine', pid: 1, started: '1' })],
  ['that is being written', ''],
  ['that is not one', '[{]'],
])('a lock %s holds while it is touched', async (_, content) => {
  const { take, path } = await setUp();
  await writeFile(path, content);
  expect(await take()).toBeNull();
  const longAgo = new Date(Date.now() - 120_000);
  await utimes(path, longAgo, longAgo);
  const taken = await take();
  expect(taken).not.toBeNull();
  await taken?.release();
});
