import { readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ensureFolder } from './ensure-folder.ts';
import { scratchFolder } from './scratch-folder.testing.ts';

describe('a folder', () => {
  test('is made with those above it, and may be there', async () => {
    const scratch = await scratchFolder();
    await ensureFolder(join(scratch, 'a/b/c'));
    await ensureFolder(join(scratch, 'a/b/c'));
    await ensureFolder(`${join(scratch, 'a/b/d')}/`);
    expect(await readdir(join(scratch, 'a/b'))).toEqual(['c', 'd']);
  });

  test('may be a link to one', async () => {
    const scratch = await scratchFolder();
    await ensureFolder(join(scratch, 'a'));
    await symlink('a', join(scratch, 'link'));
    await ensureFolder(join(scratch, 'link'));
    await ensureFolder(join(scratch, 'link/b'));
    expect(await readdir(join(scratch, 'a'))).toEqual(['b']);
  });

  test('is refused where a file is in the way', async () => {
    const scratch = await scratchFolder();
    await writeFile(join(scratch, 'file'), '');
    await expect(ensureFolder(join(scratch, 'file'))).rejects.toThrow('it is not a folder');
    await expect(ensureFolder(join(scratch, 'file/a'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  test.runIf(process.platform === 'linux')('is refused where none can be made, and that ends', async () => {
    await expect(ensureFolder('/proc/sallyport/a')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
