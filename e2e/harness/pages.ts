import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Download, expect, type Locator, type Page } from '@playwright/test';
import { digestFile } from './files.ts';
import { TRANSFER_TIMEOUT_MS } from './limits.ts';
import type { Route } from './program.ts';

/** @see docs/page.md for the test ids and the values of data-state */
export type TransferState = 'waiting' | 'connecting' | 'transferring' | 'reconnecting' | 'done' | 'failed';

export interface SavedDownload {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Picks files, or one folder, on a page that is open, and waits until they can be fetched. */
export async function share(page: Page, paths: readonly string[]): Promise<{ url: string; code: string }> {
  const [first, ...others] = paths;
  if (first === undefined) throw new Error('Name a path to share.');
  const isFolder = (await stat(first)).isDirectory();
  if (isFolder && others.length > 0) throw new Error('The page takes one folder at a time.');
  await page
    .getByTestId(isFolder ? 'folder-input' : 'file-input')
    .setInputFiles(isFolder ? first : [...paths]);
  return {
    url: await shownText(page.getByTestId('share-link')),
    code: await shownText(page.getByTestId('share-code')),
  };
}

/** Types a code, as a friend would who was told it, on a page that is open. */
export async function enterCode(page: Page, code: string): Promise<void> {
  await page.getByTestId('code-input').fill(code);
  await page.getByTestId('code-input').press('Enter');
}

/** Waits until the page shows what is offered. */
export async function waitForOffer(page: Page): Promise<Locator> {
  const offer = page.getByTestId('offer');
  await offer.waitFor({ state: 'visible' });
  return offer;
}

/**
 * Takes all that is offered and waits until it is with the person.
 * @param folder where the downloads go, under the names that the page gave them
 * @param downloads how many files the browser is handed: one, or one archive, unless the page says otherwise
 */
export async function saveAll(page: Page, folder: string, downloads = 1): Promise<SavedDownload[]> {
  const begun: Download[] = [];
  const collect = (download: Download): void => void begun.push(download);
  page.on('download', collect);
  try {
    await page.getByTestId('save-all').click();
    await waitForState(page, 'done');
    await expect.poll(() => begun.length, { message: 'downloads' }).toBe(downloads);
  } finally {
    page.off('download', collect);
  }
  return Promise.all(begun.map((download) => keep(download, folder)));
}

/** Waits until the page's transfer is in that state. */
export async function waitForState(page: Page, state: TransferState): Promise<void> {
  await expect(page.getByTestId('transfer-state')).toHaveAttribute('data-state', state, {
    timeout: TRANSFER_TIMEOUT_MS,
  });
}

/** The route that the page shows. */
export async function shownRoute(page: Page): Promise<Route> {
  const route = page.getByTestId('route');
  await expect(route).toHaveAttribute('data-route', /^(lan|direct|relayed)$/);
  return (await route.getAttribute('data-route')) as Route;
}

/** Gathers everything a healthy page keeps quiet about: errors on its console, a refusal by its CSP, a throw. */
export function gatherProblems(page: Page): string[] {
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  return problems;
}

/** What an element says once it says something: a field's value, any other's text. */
async function shownText(element: Locator): Promise<string> {
  const read = (): Promise<string> =>
    element.evaluate((node) =>
      (node instanceof HTMLInputElement ? node.value : (node.textContent ?? '')).trim(),
    );
  await expect.poll(read).not.toBe('');
  return read();
}

async function keep(download: Download, folder: string): Promise<SavedDownload> {
  const name = download.suggestedFilename();
  const path = join(folder, name);
  await download.saveAs(path);
  return { name, path, sizeBytes: (await stat(path)).size, sha256: await digestFile(path) };
}
