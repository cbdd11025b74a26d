import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LinklessFolders } from './linkless-folders.ts';
import { plant, scratchFolder } from './scratch-folder.testing.ts';

describe.each([
  ['through handles', process.platform === 'linux'],
  ['by checked paths', false],
])('%s', (_, canStandIn) => {
  async function world() {
    const scratch = await scratchFolder();
    await plant(scratch, { 'top/a/b/x': 'inside', 'outside/b/x': 'outside' });
    const folders = new LinklessFolders(canStandIn);
    const root = await folders.addRoot(join(scratch, 'top'));
    const readX = (folder: string) => folders.within(folder, (at) => readFile(at('x'), 'utf8'));
    return { scratch, root, folders, readX };
  }

  test('reaches what lies below a root', async () => {
    const { root, folders, readX } = await world();
    expect(await readX(join(root, 'a/b'))).toBe('inside');
    await folders.close();
    expect(await readX(join(root, 'a/b'))).toBe('inside');
    await folders.close();
  });

  test('the way to the root may contain links', async () => {
    const { scratch, root, folders } = await world();
    await symlink('top', join(scratch, 'link'));
    expect(await folders.addRoot(join(scratch, 'link'))).toBe(root);
  });

  test.each(['a', 'a/b'])('does not pass through a link at %s', async (at) => {
    const { scratch, root, folders, readX } = await world();
    await rm(join(root, at), { recursive: true });
    await symlink(join(scratch, 'outside', at.slice(2)), join(root, at));
    await expect(readX(join(root, 'a/b'))).rejects.toThrow(/^(ENOTDIR|ELOOP)/);
    await folders.close();
  });

  test('does not pass through a link that takes the place of a folder it has been in', async () => {
    const { scratch, root, folders, readX } = await world();
    expect(await readX(join(root, 'a/b'))).toBe('inside');
    await rename(join(root, 'a'), join(root, 'moved'));
    await symlink(join(scratch, 'outside'), join(root, 'a'));
    expect(await readX(join(root, 'a/b')).catch((error: Error) => error.message)).toMatch(/^(inside|ELOOP)/);
    await folders.close();
  });

  test('serves more folders than it keeps open', async () => {
    const { root, folders } = await world();
    const all = Array.from({ length: 200 }, (_, i) => join(root, `${i}`, 'deep'));
    for (const folder of all) await mkdir(folder, { recursive: true });
    await Promise.all(all.map((folder) => folders.within(folder, (at) => writeFile(at('x'), folder))));
    for (const folder of all) expect(await readFile(join(folder, 'x'), 'utf8')).toBe(folder);
    await folders.close();
  });
});
