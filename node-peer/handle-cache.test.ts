import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HandleCache } from './handle-cache.ts';
import { plant, scratchFolder } from './scratch-folder.testing.ts';

/** Counts what is opened and closed. */
async function counted(limit: number) {
  const folder = await scratchFolder();
  await plant(folder, { x: 'x' });
  const counts = { open: 0, opened: 0 };
  const cache = new HandleCache<number>(limit);
  const use = <T>(key: number, task: () => Promise<T>) =>
    cache.use(
      key,
      async () => {
        const handle = await open(join(folder, 'x'));
        counts.open += 1;
        counts.opened += 1;
        const close = handle.close.bind(handle);
        handle.close = async () => {
          counts.open -= 1;
          await close();
        };
        return handle;
      },
      task,
    );
  return { cache, counts, use };
}

test('keeps at most its limit open, and the ones used last', async () => {
  const { cache, counts, use } = await counted(3);
  for (let key = 0; key < 10; key++) {
    await use(0, async () => {});
    await use(key, async () => {});
  }
  await expect.poll(() => counts.open).toBe(3);
  expect(counts.opened).toBe(10);
  await cache.close();
  expect(counts.open).toBe(0);
});

test('one handle serves many tasks at once', async () => {
  const { counts, use, cache } = await counted(3);
  await Promise.all(Array.from({ length: 20 }, () => use(1, async () => {})));
  expect(counts.opened).toBe(1);
  await cache.close();
});

test('a handle stays open for the tasks that have it, and is closed after them', async () => {
  const { counts, use, cache } = await counted(1);
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const task = use(1, () => ended);
  await use(2, async () => {});
  const released = cache.release(2);
  expect(counts.open).toBe(2);
  await released;
  expect(counts.open).toBe(1);
  const closed = cache.close();
  end();
  await Promise.all([task, closed]);
  await expect.poll(() => counts.open).toBe(0);
});

test('what could not be opened is tried anew', async () => {
  const cache = new HandleCache<string>(2);
  const refuse = () => Promise.reject(new Error('no'));
  await expect(cache.use('x', refuse, async () => {})).rejects.toThrow('no');
  await expect(cache.use('x', refuse, async () => {})).rejects.toThrow('no');
  const folder = await scratchFolder();
  await plant(folder, { x: 'x' });
  await expect(
    cache.use(
      'x',
      () => open(join(folder, 'x')),
      async () => 'yes',
    ),
  ).resolves.toBe('yes');
  await cache.close();
});

test('a task that fails leaves the handle as it is', async () => {
  const { counts, use, cache } = await counted(2);
  await expect(use(1, () => Promise.reject(new Error('task')))).rejects.toThrow('task');
  await use(1, async () => {});
  expect(counts.opened).toBe(1);
  await cache.close();
});
