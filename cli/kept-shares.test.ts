import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { scratchFolder } from '#node-peer/scratch-folder.testing.ts';
import { KeptShare, unfinishedShares } from './kept-shares.ts';

const SERVER = 'https://s.example/';
let shares = '';

beforeEach(async () => {
  const scratch = await scratchFolder();
  vi.stubEnv('XDG_STATE_HOME', scratch);
  onTestFinished(() => void vi.unstubAllEnvs());
  shares = join(scratch, 'sallyport', 'shares');
});

async function open(paths: readonly string[], serverUrl = SERVER): Promise<KeptShare> {
  const share = await KeptShare.open(serverUrl, paths);
  if (!share) throw new Error('it is not kept');
  return share;
}

test('the same paths at the same server have the same seed, until the share is over', async () => {
  const first = await open(['/a', '/b']);
  expect([first.isOld, first.seed.length]).toEqual([false, 32]);
  await first.keep();
  const again = await open(['/a', '/b']);
  expect([again.isOld, again.seed]).toEqual([true, first.seed]);
  const others = [
    await open(['/b', '/a']),
    await open(['/a']),
    await open(['/a', '/b'], 'https://t.example/'),
  ];
  for (const other of others) {
    expect(other.seed).not.toEqual(first.seed);
    await other.forget();
  }
  await again.forget();
  expect(await readdir(shares)).toEqual([]);
  const anew = await open(['/a', '/b']);
  expect(anew.seed).not.toEqual(first.seed);
  await anew.forget();
});

test('only this user can read it', async () => {
  const share = await open(['/a']);
  const [name = ''] = await readdir(shares);
  expect((await stat(join(shares, name, 'share.json'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(shares, name))).mode & 0o777).toBe(0o700);
  await share.forget();
});

test('a second command with the same paths at once has a seed of its own', async () => {
  const first = await open(['/a']);
  const second = await open(['/a']);
  expect(second.seed).not.toEqual(first.seed);
  await first.forget();
  await second.forget();
});

test('what is unfinished and not running is listed, the latest first', async () => {
  expect(await unfinishedShares()).toEqual([]);
  for (const [i, path] of ['/a', '/b', '/c'].entries()) {
    vi.spyOn(Date, 'now').mockReturnValue(1_700_000_000_000 + i);
    await (await open([path])).keep();
  }
  const running = await open(['/a']);
  expect((await unfinishedShares()).map(({ paths }) => paths)).toEqual([['/c'], ['/b']]);
  await running.keep();
  vi.restoreAllMocks();
});

test('after thirty days it is over', async () => {
  const first = await open(['/a']);
  await first.keep();
  const [name = ''] = await readdir(shares);
  const path = join(shares, name, 'share.json');
  const kept = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...kept, atMs: Date.now() - 31 * 24 * 3600 * 1000 }));
  expect(await unfinishedShares()).toEqual([]);
  const later = await open(['/b']);
  expect(await readdir(shares)).toHaveLength(1);
  await later.forget();
});

test.each(['', '{}', '{"serverUrl":"x","paths":[],"seed":"x","atMs":1}'])(
  'a file like %j is none',
  async (text) => {
    const first = await open(['/a']);
    await first.keep();
    const [name = ''] = await readdir(shares);
    await writeFile(join(shares, name, 'share.json'), text);
    expect(await unfinishedShares()).toEqual([]);
    const again = await open(['/a']);
    expect(again.isOld).toBe(false);
    await again.forget();
  },
);

test('a state folder that cannot be written to keeps nothing, and hinders nobody', async () => {
  await writeFile(join(process.env['XDG_STATE_HOME'] ?? '', 'sallyport'), 'a file');
  expect(await KeptShare.open(SERVER, ['/a'])).toBeNull();
});
