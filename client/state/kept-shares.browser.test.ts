import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Entry } from '#protocol/entry.ts';
import { KEPT_SHARE_MS } from '../limits.ts';
import { KeptShares } from './kept-shares.ts';

const NOW_MS = 1_800_000_000_000;
const ENTRIES: readonly Entry[] = [{ kind: 'file', path: 'film.mkv', sizeBytes: 5, modifiedMs: 7 }];
const pages: KeptShares[] = [];

/** A page of this origin; here all are of one tab. */
function page(): KeptShares {
  const shares = new KeptShares();
  pages.push(shares);
  return shares;
}

const share = (first: number, keptMs = NOW_MS) => ({
  ownerSeed: new Uint8Array(32).fill(first),
  entries: ENTRIES,
  keptMs,
  handles: null,
});

const forgetAll = async (): Promise<void> => {
  for (const each of pages.splice(0)) await each.forget();
  for (let left = page(); (await left.recall(0)) !== null; left = page()) await left.forget();
};
beforeEach(forgetAll);
afterEach(forgetAll);

test('a share whose page is gone comes back as it was, once', async () => {
  const before = page();
  await before.keep(share(1));
  before.letGo();
  const after = page();
  expect(await after.recall(NOW_MS)).toMatchObject(share(1));
  expect(await page().recall(NOW_MS)).toBeNull();
});

test('one that a page still offers is left alone, also by a duplicate of its tab', async () => {
  await page().keep(share(1));
  expect(sessionStorage.getItem('sallyport-share')).not.toBeNull();
  expect(await page().recall(NOW_MS)).toBeNull();
});

test('a tab gets its own before a later one of another tab', async () => {
  const [own, other] = [page(), page()];
  await own.keep(share(1));
  const id = sessionStorage.getItem('sallyport-share') ?? '';
  await other.keep(share(2, NOW_MS + 1));
  own.letGo();
  other.letGo();
  sessionStorage.setItem('sallyport-share', id);
  expect((await page().recall(NOW_MS + 2))?.ownerSeed[0]).toBe(1);
  expect((await page().recall(NOW_MS + 2))?.ownerSeed[0]).toBe(2);
});

test('what was ended is gone, also where the page goes before it is removed', async () => {
  const ended = page();
  await ended.keep(share(1));
  void ended.forget();
  expect(await page().recall(NOW_MS)).toBeNull();
});

test('after a week it is removed', async () => {
  const old = page();
  await old.keep(share(1));
  old.letGo();
  expect(await page().recall(NOW_MS + KEPT_SHARE_MS)).toBeNull();
  expect(await page().recall(NOW_MS)).toBeNull();
});

test('keeping again replaces what was kept', async () => {
  const shares = page();
  await shares.keep(share(1));
  await shares.keep(share(3));
  shares.letGo();
  expect((await page().recall(NOW_MS))?.ownerSeed[0]).toBe(3);
  expect(await page().recall(NOW_MS)).toBeNull();
});
