import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { scratchFolder } from '#node-peer/scratch-folder.testing.ts';
import { formatLink } from '#protocol/handshake/link.ts';
import { UsedCode } from './used-codes.ts';

const SERVER = 'https://s.example/';
const CODE = '4821-apple-river-stone';
const LINK = formatLink({ serverUrl: SERVER, k: new Uint8Array(16).fill(7) });
let state = '';

beforeEach(async () => {
  state = await scratchFolder();
  vi.stubEnv('XDG_STATE_HOME', state);
  onTestFinished(() => void vi.unstubAllEnvs());
});

const codes = () => readdir(join(state, 'sallyport', 'codes'));
async function only(): Promise<string> {
  const [name = ''] = await codes();
  return join(state, 'sallyport', 'codes', name);
}

test('a code leads to its link, however it is typed, until that is forgotten', async () => {
  const code = await UsedCode.find(SERVER, CODE);
  expect(code.link).toBeNull();
  await code.keep(LINK);
  expect((await UsedCode.find(SERVER, ` ${CODE.toUpperCase().replaceAll('-', ' ')} `)).link).toBe(LINK);
  expect((await UsedCode.find('https://other.example/', CODE)).link).toBeNull();
  expect((await UsedCode.find(SERVER, CODE.replace('4821', '4822'))).link).toBeNull();
  await (await UsedCode.find(SERVER, CODE)).forget();
  expect((await UsedCode.find(SERVER, CODE)).link).toBeNull();
  expect(await codes()).toEqual([]);
});

test('only its user may read it, and its name tells no code', async () => {
  await (await UsedCode.find(SERVER, CODE)).keep(LINK);
  const path = await only();
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(path, '..'))).mode & 0o777).toBe(0o700);
  expect(path).not.toMatch(/apple|4821/);
  expect(await readFile(path, 'utf8')).toBe(LINK);
});

test('what is no link leads nowhere', async () => {
  const code = await UsedCode.find(SERVER, CODE);
  await code.keep(LINK);
  await writeFile(await only(), LINK.slice(0, -3));
  expect((await UsedCode.find(SERVER, CODE)).link).toBeNull();
});

test('after a week it is gone', async () => {
  await (await UsedCode.find(SERVER, CODE)).keep(LINK);
  const weekAgo = new Date(Date.now() - 7.01 * 24 * 3600 * 1000);
  await utimes(await only(), weekAgo, weekAgo);
  expect((await UsedCode.find(SERVER, '4823-apple-river-stone')).link).toBeNull();
  expect(await codes()).toEqual([]);
});

test('where nothing can be written, nothing is kept', async () => {
  await writeFile(join(state, 'sallyport'), '');
  const code = await UsedCode.find(SERVER, CODE);
  await code.keep(LINK);
  await code.forget();
  expect((await UsedCode.find(SERVER, CODE)).link).toBeNull();
});
