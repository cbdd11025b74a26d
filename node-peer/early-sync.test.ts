import { expect, test } from 'vitest';
import { EarlySync } from './early-sync.ts';
import { EARLY_SYNC_BYTES } from './limits.ts';

function setUp() {
  const syncs: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const early = new EarlySync(
    () => new Promise<void>((resolve, reject) => void syncs.push({ resolve, reject })),
  );
  return { early, syncs };
}

test('begins where much was written, and one after the other', async () => {
  const { early, syncs } = setUp();
  early.wrote(EARLY_SYNC_BYTES - 1);
  expect(syncs).toHaveLength(0);
  early.wrote(1);
  early.wrote(3 * EARLY_SYNC_BYTES);
  expect(syncs).toHaveLength(1);
  syncs[0]?.resolve();
  await early.settle();
  early.wrote(1);
  expect(syncs).toHaveLength(2);
});

test('settles when nothing is under way, and with what failed, however long ago', async () => {
  const { early, syncs } = setUp();
  await early.settle();
  early.wrote(EARLY_SYNC_BYTES);
  let settled = false;
  const settling = early.settle().catch((error: Error) => {
    settled = true;
    return error.message;
  });
  await Promise.resolve();
  expect(settled).toBe(false);
  syncs[0]?.reject(new Error('EIO: i/o error'));
  expect(await settling).toBe('EIO: i/o error');
  early.wrote(EARLY_SYNC_BYTES);
  syncs[1]?.resolve();
  await expect(early.settle()).rejects.toThrow('EIO');
});
