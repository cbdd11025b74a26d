import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Network } from '#natlab/network.ts';
import { openDistantPeers, requireNamespaces } from './harness/distant-peers.ts';
import { digestContents, makeTree } from './harness/files.ts';
import { expect, test } from './harness/fixtures.ts';
import { saveAll, share, shownRoute, waitForOffer, waitForState } from './harness/pages.ts';

/** Two homes as most are, a continent apart. */
const TWO_HOMES: Network = {
  routers: {
    home: { nat: 'port', link: { delayMs: 10 }, hosts: { alice: {} } },
    office: { nat: 'port', link: { delayMs: 10 }, hosts: { bob: {} } },
  },
};

const FILM = { 'film.bin': 5 * 1024 * 1024 + 17 };

test.beforeAll(requireNamespaces);

test('terminal to terminal, each behind a NAT: straight through', async ({ folder }) => {
  const source = await makeTree(join(folder, 'from'), FILM);
  await using peers = await openDistantPeers(TWO_HOMES);
  const sender = peers.cli('alice', ['send', join(source, 'film.bin')]);
  const { url } = await sender.waitFor('link');
  const receiver = peers.cli('bob', ['receive', url, '-o', join(folder, 'got')]);
  expect(await receiver.waitFor('done')).toMatchObject({ route: 'direct' });
  expect((await receiver.exit).status).toBe(0);
  expect((await sender.exit).status).toBe(0);
  expect(await digestContents(join(folder, 'got'))).toEqual(await digestContents(source));
});

test('terminal to terminal where both networks block UDP: over TCP, through both NATs', async ({
  folder,
}) => {
  const source = await makeTree(join(folder, 'from'), FILM);
  const { home, office } = TWO_HOMES.routers ?? {};
  if (!home || !office) throw new Error('no homes');
  await using peers = await openDistantPeers({
    routers: { home: { ...home, outbound: 'udp-dropped' }, office: { ...office, outbound: 'udp-dropped' } },
  });
  const sender = peers.cli('alice', ['send', join(source, 'film.bin')]);
  const { url } = await sender.waitFor('link');
  const receiver = peers.cli('bob', ['receive', url, '-o', join(folder, 'got')]);
  expect(await receiver.waitFor('done')).toMatchObject({ route: 'direct', lanes: 1 });
  expect((await sender.exit).status).toBe(0);
  expect(await digestContents(join(folder, 'got'))).toEqual(await digestContents(source));
});

test('data channels alone become more where a link loses packets', async ({ folder }) => {
  const source = await makeTree(join(folder, 'from'), { 'film.bin': 16 * 1024 * 1024 });
  const link = { delayMs: 20, rateMbit: 100, lossPercent: 0.5 };
  await using peers = await openDistantPeers({ hosts: { alice: { link }, bob: {} } });
  const sender = peers.cli('alice', ['send', '--no-tcp', join(source, 'film.bin')]);
  const { url } = await sender.waitFor('link');
  const receiver = peers.cli('bob', ['receive', '--no-tcp', url, '-o', join(folder, 'got')]);
  const { lanes } = await receiver.waitFor('done', { timeoutMs: 60_000 });
  expect(lanes).toBeGreaterThan(1);
  expect(await digestContents(join(folder, 'got'))).toEqual(await digestContents(source));
});

test('browser to browser, each behind a NAT: straight through @masked', async ({ folder }) => {
  const source = await makeTree(join(folder, 'from'), FILM);
  await using peers = await openDistantPeers(TWO_HOMES);
  const [page, friend] = [await peers.page('alice'), await peers.page('bob')];
  const { url } = await share(page, [join(source, 'film.bin')]);
  await friend.goto(url);
  await waitForOffer(friend);
  await mkdir(join(folder, 'got'));
  await saveAll(friend, join(folder, 'got'));
  expect(await shownRoute(page)).toBe('direct');
  expect(await shownRoute(friend)).toBe('direct');
  await waitForState(page, 'done');
  expect(await digestContents(join(folder, 'got'))).toEqual(await digestContents(source));
});

test('the demo shows a newcomer how two NATs are passed', async () => {
  // Debian's tcpdump refuses to watch in a user's namespaces.
  test.skip(process.getuid?.() !== 0, 'tcpdump needs root');
  const main = join(import.meta.dirname, '..', 'natlab', 'main.ts');
  const words = ['--import', 'tsx', main, 'demo', 'port', 'port'];
  const { stdout } = await promisify(execFile)(process.execPath, words, { timeout: 50_000 });
  for (const told of ['asks the STUN server', 'knocks for the first time', 'Route: direct']) {
    expect(stdout).toContain(told);
  }
});
