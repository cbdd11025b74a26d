import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { digestContents, digestTree, makeTree, type TreeSpec, unpack } from './harness/files.ts';
import { expect, test } from './harness/fixtures.ts';
import { enterCode, saveAll, share, shownRoute, waitForOffer, waitForState } from './harness/pages.ts';

/** A file of several blocks, one that ends on a block's border, an empty one, a deep one, names of several scripts. */
const TREE: TreeSpec = {
  'film.bin': 5 * 1024 * 1024 + 4321,
  'border.bin': 2 * 1024 * 1024,
  empty: 0,
  'deep/er/still/note.txt': 77,
  'Grüße/日本語 🎈.txt': 1234,
};

test('browser to browser, by link: a folder arrives as one archive @masked', async ({
  page,
  friend,
  folder,
}) => {
  const source = await makeTree(join(folder, 'album'), TREE);
  await page.goto('/');
  const { url } = await share(page, [source]);
  await friend.goto(url);
  await expect(await waitForOffer(friend)).toContainText('film.bin');
  // Each tells the other what it makes of the connection; ICE may change its mind in the first moments.
  await expect.poll(async () => (await shownRoute(page)) === (await shownRoute(friend))).toBe(true);
  const [archive] = await saveAll(friend, folder);
  await unpack(archive?.path ?? '', join(folder, 'got'));
  expect(await digestContents(join(folder, 'got'))).toEqual({
    album: 'folder',
    ...under('album', await digestContents(source)),
  });
  await waitForState(page, 'done');
});

test('browser to browser, by code: one file arrives under its name', async ({ page, friend, folder }) => {
  const source = await makeTree(join(folder, 'from'), { 'film.bin': 3 * 1024 * 1024 + 1 });
  await page.goto('/');
  const { code } = await share(page, [join(source, 'film.bin')]);
  await friend.goto('/');
  await enterCode(friend, code.replaceAll('-', ' ').toUpperCase());
  await waitForOffer(friend);
  const [film] = await saveAll(friend, await made(folder, 'got'));
  expect(await digestContents(join(folder, 'got'))).toEqual(await digestContents(source));
  expect(film?.name).toBe('film.bin');
});

for (const way of ['link', 'code'] as const) {
  test(`browser to terminal, by ${way} @masked`, async ({ page, cli, folder }) => {
    const source = await makeTree(join(folder, 'album'), TREE);
    await page.goto('/');
    const { url, code } = await share(page, [source]);
    const target = await made(folder, 'got');
    const receiver =
      way === 'link'
        ? cli(['receive', url, '-o', target])
        : cli(['receive', '-o', target], { input: `${code}\n` });
    const done = await receiver.waitFor('done');
    expect((await receiver.exit).status).toBe(0);
    expect(await digestContents(join(target, 'album'))).toEqual(await digestContents(source));
    expect(done).toMatchObject({ files: 5, bytes: done.wireBytes });
    await waitForState(page, 'done');
  });

  test(`terminal to browser, by ${way} @masked`, async ({ page, cli, folder }) => {
    const source = await makeTree(join(folder, 'album'), { ...TREE, 'nothing in here/': 0 });
    const sender = cli(['send', source]);
    const { url, code } = await sender.waitFor('link');
    await page.goto(way === 'link' ? url : '/');
    if (way === 'code') await enterCode(page, code ?? '');
    await waitForOffer(page);
    const [archive] = await saveAll(page, folder);
    await unpack(archive?.path ?? '', join(folder, 'got'));
    expect(await digestContents(join(folder, 'got', 'album'))).toEqual(await digestContents(source));
    expect((await sender.exit).status).toBe(0);
  });

  test(`terminal to terminal, by ${way}: times and executable bits arrive too`, async ({ cli, folder }) => {
    const source = await makeTree(join(folder, 'album'), {
      ...TREE,
      'run.sh': { sizeBytes: 100, mode: 0o755, mtime: new Date('2001-02-03T04:05:06Z') },
      'nothing in here/': 0,
    });
    const sender = cli(['send', source]);
    const { url, code } = await sender.waitFor('link');
    const target = await made(folder, 'got');
    const receiver = cli(['receive', way === 'link' ? url : (code ?? ''), '-o', target]);
    const done = await receiver.waitFor('done');
    expect([(await receiver.exit).status, (await sender.exit).status]).toEqual([0, 0]);
    expect(await digestTree(join(target, 'album'))).toEqual(await digestTree(source));
    expect(await sender.waitFor('session')).toMatchObject({ route: done.route });
  });
}

test('a friend takes some of what is offered, and nothing flows before', async ({ page, friend, folder }) => {
  const source = await makeTree(join(folder, 'album'), { 'keep.txt': 10, 'leave.bin': 4 * 1024 * 1024 });
  await page.goto('/');
  const { url } = await share(page, [join(source, 'keep.txt'), join(source, 'leave.bin')]);
  await friend.goto(url);
  const offer = await waitForOffer(friend);
  await offer.getByRole('checkbox', { name: /leave\.bin/ }).uncheck();
  const [kept] = await saveAll(friend, await made(folder, 'got'));
  expect(kept?.name).toBe('keep.txt');
  expect(await digestContents(join(folder, 'got'))).toEqual({
    'keep.txt': (await digestContents(source))['keep.txt'],
  });
  await waitForState(page, 'done');
});

test('one link serves several receivers, of both kinds', async ({ page, friend, cli, folder }) => {
  const source = await makeTree(join(folder, 'from'), { 'film.bin': 2 * 1024 * 1024 + 5 });
  await page.goto('/');
  const { url } = await share(page, [join(source, 'film.bin')]);
  const target = await made(folder, 'terminal');
  const receiver = cli(['receive', url, '-o', target]);
  await friend.goto(url);
  await waitForOffer(friend);
  await saveAll(friend, await made(folder, 'browser'));
  expect((await receiver.exit).status).toBe(0);
  const digests = await digestContents(source);
  expect(await digestContents(target)).toEqual(digests);
  expect(await digestContents(join(folder, 'browser'))).toEqual(digests);
});

async function made(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  return path;
}

function under<T>(folder: string, tree: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(tree).map(([path, entry]) => [`${folder}/${path}`, entry]));
}
