import { afterEach, expect, test, vi } from 'vitest';
import { plant, scratchFolder } from './scratch-folder.testing.ts';
import { syncWholeDisk } from './whole-disk-sync.ts';

afterEach(() => vi.unstubAllEnvs());

test.runIf(process.platform === 'linux')('syncs the disk of a folder, and says so', async () => {
  // A place whose kind is known: in a container the scratch folder may lie on anything.
  expect(await syncWholeDisk('/dev/shm')).toBe(true);
});

test.runIf(process.platform === 'linux')('says where it cannot', async () => {
  expect(await syncWholeDisk('/proc')).toBe(false);
  const scratch = await scratchFolder();
  await plant(scratch, { sync: 'no program' });
  vi.stubEnv('PATH', scratch);
  expect(await syncWholeDisk('/dev/shm')).toBe(false);
});
