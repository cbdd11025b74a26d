import { rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDistantPeers, requireNamespaces } from '../harness/distant-peers.ts';
import { digestContents, makeTree } from '../harness/files.ts';
import { expect, test } from '../harness/fixtures.ts';
import { homes } from './homes.ts';

const MIB = 1024 * 1024;

/** Sent in this order. */
const ALBUM = { 'a.bin': MIB, 'film.bin': 24 * MIB, 'z.bin': MIB };

/** What happens to which file while the film flows. A file that is being read can be read to its end, so the last vanishes. */
const MISHAPS = {
  changes: { name: 'film.bin', befall: (path: string) => writeFile(path, 'other contents', { flag: 'r+' }) },
  shrinks: { name: 'film.bin', befall: (path: string) => truncate(path, MIB) },
  vanishes: { name: 'z.bin', befall: (path: string) => rm(path) },
};

test.beforeAll(requireNamespaces);

for (const [mishap, { name, befall }] of Object.entries(MISHAPS)) {
  test(`a file that ${mishap} while its share is sent is given up; the others arrive`, async ({ folder }) => {
    const album = await makeTree(join(folder, 'album'), ALBUM);
    const before = await digestContents(album);
    await using peers = await openDistantPeers(homes({ home: 'port', office: 'port' }));
    const sender = peers.cli('alice', ['send', album]);
    const { url } = await sender.waitFor('link');
    const receiver = peers.cli('bob', ['receive', url, '-o', join(folder, 'got')]);
    await receiver.waitFor('progress', { matches: ({ bytes }) => bytes >= 3 * MIB });
    await befall(join(album, name));

    const failed = await receiver.waitFor('failed');
    expect(failed.path).toBe(`album/${name}`);
    expect(failed.code).toMatch(/^source-(changed|unreadable)$/);
    expect(await receiver.waitFor('error')).toMatchObject({ code: failed.code });
    expect((await receiver.exit).status).toBe(1);
    expect((await sender.exit).status).toBe(1);
    const { [name]: _, ...others } = before;
    expect(await digestContents(join(folder, 'got', 'album'))).toEqual(others);
  });
}
