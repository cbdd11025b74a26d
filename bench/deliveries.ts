import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, type Page } from '@playwright/test';
import { sallyport } from '../e2e/harness/cli.ts';
import { share, waitForOffer } from '../e2e/harness/pages.ts';
import type { Program } from '../e2e/harness/program.ts';

/** Deliveries of one file as users make them, each timed from "take it" to "verified and on disk". */

/** A delivery that hangs is a failure, not a slow figure. */
const DELIVERY_TIMEOUT_MS = 10 * 60_000;

/** What a delivery runs on while it lasts: for whoever measures its memory. */
export interface Running {
  readonly sender?: number;
  readonly receiver?: number;
}

export async function nodeToNodeSeconds(
  serverUrl: string,
  file: string,
  folder: string,
  onRunning: (running: Running) => void = () => {},
): Promise<number> {
  const target = await mkdtemp(join(folder, 'got-'));
  await using sender = sallyport(serverUrl, ['send', file]);
  const { url } = await sender.waitFor('link');
  await using receiver = sallyport(serverUrl, ['receive', url, '-o', target]);
  onRunning({ sender: sender.pid, receiver: receiver.pid });
  const seconds = await secondsToDone(receiver);
  await rm(target, { recursive: true });
  return seconds;
}

export async function pageToPageSeconds(
  sender: Page,
  receiver: Page,
  serverUrl: string,
  file: string,
): Promise<number> {
  await sender.goto(serverUrl);
  const { url } = await share(sender, [file]);
  await receiver.goto(url);
  await waitForOffer(receiver);
  const seconds = await secondsToSaved(receiver);
  await sender.goto('about:blank');
  await receiver.goto('about:blank');
  return seconds;
}

export async function pageToNodeSeconds(
  page: Page,
  serverUrl: string,
  file: string,
  folder: string,
): Promise<number> {
  const target = await mkdtemp(join(folder, 'got-'));
  await page.goto(serverUrl);
  const { url } = await share(page, [file]);
  await using receiver = sallyport(serverUrl, ['receive', url, '-o', target]);
  const seconds = await secondsToDone(receiver);
  await rm(target, { recursive: true });
  return seconds;
}

export async function nodeToPageSeconds(page: Page, serverUrl: string, file: string): Promise<number> {
  await using sender = sallyport(serverUrl, ['send', file]);
  const { url } = await sender.waitFor('link');
  await page.goto(url);
  await waitForOffer(page);
  const seconds = await secondsToSaved(page);
  await page.goto('about:blank');
  return seconds;
}

async function secondsToDone(receiver: Program): Promise<number> {
  await receiver.waitFor('offer', { timeoutMs: DELIVERY_TIMEOUT_MS });
  const startedMs = performance.now();
  await receiver.waitFor('done', { timeoutMs: DELIVERY_TIMEOUT_MS });
  return (performance.now() - startedMs) / 1000;
}

async function secondsToSaved(page: Page): Promise<number> {
  const download = page.waitForEvent('download', { timeout: DELIVERY_TIMEOUT_MS });
  const startedMs = performance.now();
  await page.getByTestId('save-all').click();
  await expect(page.getByTestId('transfer-state')).toHaveAttribute('data-state', 'done', {
    timeout: DELIVERY_TIMEOUT_MS,
  });
  const seconds = (performance.now() - startedMs) / 1000;
  await (await download).delete();
  return seconds;
}
