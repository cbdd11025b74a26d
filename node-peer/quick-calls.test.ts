import { constants } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { QUICK_CALL_MS, SLOW_CALLS, SLOWNESS_MS } from './limits.ts';
import { QuickCalls } from './quick-calls.ts';
import { scratchFolder } from './scratch-folder.testing.ts';
import { readSmallFile, writeSmallFile } from './small-file.ts';

/** Says where calls are made that take so long in this thread. */
function callsThatTake(ms: () => number) {
  let nowMs = 0;
  const calls = new QuickCalls(() => nowMs);
  const where = () =>
    calls.call(
      () => {
        nowMs += ms();
        return 'here';
      },
      async () => 'elsewhere',
    );
  return { calls, where };
}

test('quick calls are made in this thread, also after one that had to wait a little', async () => {
  let count = 0;
  const { where } = callsThatTake(() => (count++ % 100 === 0 ? SLOWNESS_MS : QUICK_CALL_MS / 2));
  for (let i = 0; i < 1000; i += 1) expect(await where()).toBe('here');
});

test('after a slow one the next are made elsewhere, and then it is tried again', async () => {
  let ms = SLOWNESS_MS + 2 * QUICK_CALL_MS;
  const { where } = callsThatTake(() => ms);
  expect(await where()).toBe('here');
  for (let i = 0; i < SLOW_CALLS; i += 1) expect(await where()).toBe('elsewhere');
  expect(await where()).toBe('here');
  for (let i = 0; i < SLOW_CALLS; i += 1) expect(await where()).toBe('elsewhere');
  ms = 0;
  for (let i = 0; i < 1000; i += 1) expect(await where()).toBe('here');
});

test('calls that are all a little slow go elsewhere before long', async () => {
  const { where } = callsThatTake(() => 1);
  const places = [];
  for (let i = 0; i < 1000; i += 1) places.push(await where());
  expect(places.filter((place) => place === 'here').length).toBeLessThan(50);
});

test('a call that fails counts and fails, wherever it is made', async () => {
  const { calls, where } = callsThatTake(() => 2 * SLOWNESS_MS);
  expect(await where()).toBe('here');
  const refuse = () => {
    throw new Error('refused');
  };
  await expect(async () => calls.call(refuse, async () => refuse())).rejects.toThrow('refused');
  const quick = new QuickCalls();
  await expect(async () => quick.call(refuse, async () => 'elsewhere')).rejects.toThrow('refused');
});

test.each([
  ['here', 0],
  ['elsewhere', 2 * SLOWNESS_MS],
])('a small file is written and read %s', async (_, tookMs) => {
  const path = join(await scratchFolder(), 'file');
  // Each look at the clock is a slow call: then one of `SLOW_CALLS` is made here.
  let nowMs = 0;
  const calls = new QuickCalls(() => {
    nowMs += tookMs;
    return nowMs;
  });
  const bytes = new Uint8Array(60_000).map((_byte, at) => at % 251);
  const flags = constants.O_RDWR | constants.O_CREAT;
  for (const content of [bytes.fill(1, 0, 10), bytes.fill(2, 0, 10)]) {
    await writeSmallFile(calls, path, { flags, mode: 0o600, modifiedMs: -1500 }, content);
    expect(Buffer.compare(await readFile(path), content)).toBe(0);
  }
  const { mtimeMs, mode } = await stat(path);
  expect([mtimeMs, mode & 0o777]).toEqual([-1500, 0o600]);
  const got = new Uint8Array(bytes.length);
  const sizes: number[] = [];
  expect(await readSmallFile(calls, path, constants.O_RDONLY, got, ({ size }) => sizes.push(size))).toBe(
    true,
  );
  expect(Buffer.compare(got, bytes)).toBe(0);
  expect(sizes).toEqual([60_000]);
  const longer = new Uint8Array(bytes.length + 1);
  expect(await readSmallFile(calls, path, constants.O_RDONLY, longer, () => {})).toBe(false);
  const refuse = () => {
    throw new Error('refused');
  };
  await expect(readSmallFile(calls, path, constants.O_RDONLY, got, refuse)).rejects.toThrow('refused');
  await expect(readSmallFile(calls, `${path}-`, constants.O_RDONLY, got, refuse)).rejects.toThrow('ENOENT');
});
