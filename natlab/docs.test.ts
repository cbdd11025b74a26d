import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readArguments, USAGE } from './command-line.ts';
import { openLab } from './lab.ts';
import type { Network } from './network.ts';
import { residentsOf } from './residents.ts';
import { SHELL_HELP } from './shell.ts';
import { describeInNamespaces } from './testing/namespaces.ts';

const page = await readFile(join(import.meta.dirname, '..', 'docs', 'natlab.md'), 'utf8');

/** The network that docs/natlab.md describes, loaded as the command line loads it. */
async function describedNetwork(): Promise<Network> {
  const [, source = ''] = /```ts\n(export const network = [^`]*)```/.exec(page) ?? [];
  const folder = await mkdtemp(join(tmpdir(), 'natlab-docs-'));
  try {
    const path = join(folder, 'cafe.mjs');
    await writeFile(path, source);
    return (await readArguments(['shell', path])).network;
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('every line of the shell and every word of a router is on the page', () => {
  for (const [, command = ''] of SHELL_HELP.matchAll(/(?:^|\s)(:[a-z]+)/g)) expect(page).toContain(command);
  for (const [, words = ''] of USAGE.matchAll(/^ {2}([a-z0-9-]+(?:=[A-Z]+)?(?:, [a-z-]+)*) {2,}/gm)) {
    for (const word of words.split(', ')) expect(page).toContain(word);
  }
});

describeInNamespaces('the example network', () => {
  test('is what the page says it is', async () => {
    const network = await describedNetwork();
    expect(residentsOf(network)).toEqual([
      { host: 'alice', routers: ['cafe'], links: ['cafe'] },
      { host: 'bob', routers: ['cafe'], links: ['cafe'] },
      { host: 'carol', routers: ['home', 'carrier'], links: ['carol'] },
      { host: 'dave', routers: [], links: ['dave'] },
    ]);
    await using lab = await openLab(network);
    const reaches = async (from: string, address = ''): Promise<boolean> =>
      (await lab.host(from).run('ping', ['-c', '3', '-i', '0.2', '-W', '2', address])).status === 0;
    const [server, dave, bob] = ['server', 'dave', 'bob'].map((name) => lab.host(name).ipv4[0]);
    expect(await Promise.all(['alice', 'bob', 'carol', 'dave'].map((name) => reaches(name, server)))).toEqual(
      [...[true, true, true, true]],
    );
    expect(await reaches('carol', dave)).toBe(true);
    expect(await reaches('alice', bob)).toBe(false);
  });
});
