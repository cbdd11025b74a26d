import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { sallyport } from '../../e2e/harness/cli.ts';
import { share, waitForOffer } from '../../e2e/harness/pages.ts';
import type { Program } from '../../e2e/harness/program.ts';
import { within } from '../bounded.ts';

/** Ours, as users run it: what sends, and what receives, each a command or a page. */

/** What is offered, until it is disposed of. */
export interface Sharing extends AsyncDisposable {
  readonly url: string;
  /** The first processes of what it runs on. */
  readonly roots: readonly number[];
}

export interface Sender {
  offer(path: string): Promise<Sharing>;
}

/** One that has seen the offer and takes all of it when told. */
export interface Visit extends AsyncDisposable {
  readonly roots: readonly number[];
  take(): Promise<void>;
  /** Settles when all is verified and saved. @throws {Error} if it fails, or takes too long */
  done(timeoutMs: number): Promise<void>;
  /** Of a hundred, what has come. */
  percent(): Promise<number>;
}

export interface Receiver {
  visit(url: string): Promise<Visit>;
}

export interface Parties {
  readonly sender: Sender;
  readonly receiver: Receiver;
}

/** What keeps a command to data channels. */
export const DATA_CHANNELS_ONLY = ['--no-tcp'];

const STEP_TIMEOUT_MS = 120_000;

export interface CommandOptions {
  readonly serverUrl: string;
  readonly env: Readonly<Record<string, string>>;
  /** Options besides, such as `--no-tcp`. */
  readonly args?: readonly string[];
  /** The words before a command that let it run elsewhere. */
  readonly enter?: readonly string[];
}

export function commandSender({ serverUrl, args = [], ...options }: CommandOptions): Sender {
  return {
    offer: async (path) => {
      const program = sallyport(serverUrl, ['send', ...args, path], options);
      try {
        const { url } = await program.waitFor('link', { timeoutMs: STEP_TIMEOUT_MS });
        return { url, roots: [program.pid], [Symbol.asyncDispose]: program[Symbol.asyncDispose] };
      } catch (error) {
        await program.stop();
        throw error;
      }
    },
  };
}

/** @param folder where what it receives lies while the visit lasts */
export function commandReceiver(
  { serverUrl, args = [], ...options }: CommandOptions,
  folder: string,
): Receiver {
  return {
    visit: async (url) => {
      const target = await mkdtemp(join(folder, 'got-'));
      const program = sallyport(serverUrl, ['receive', ...args, url, '-o', target], options);
      const dispose = async (): Promise<void> => {
        await program.stop();
        await rm(target, { recursive: true, force: true });
      };
      try {
        await program.waitFor('offer', { timeoutMs: STEP_TIMEOUT_MS });
      } catch (error) {
        await dispose();
        throw error;
      }
      return {
        roots: [program.pid],
        take: async () => {}, // With --json it has.
        done: async (timeoutMs) => void (await program.waitFor('done', { timeoutMs })),
        percent: async () => percentOf(program),
        [Symbol.asyncDispose]: dispose,
      };
    },
  };
}

function percentOf(program: Program): number {
  const last = program.events.findLast((event) => event.event === 'progress');
  return last === undefined ? 0 : (100 * last.bytes) / last.totalBytes;
}

/** @param pid of the page's browser */
export function pageSender(page: Page, pid: number, serverUrl: string): Sender {
  return {
    offer: async (path) => {
      await page.goto(serverUrl);
      const { url } = await within('offering by a page', STEP_TIMEOUT_MS, share(page, [path]));
      return { url, roots: [pid], [Symbol.asyncDispose]: () => leave(page) };
    },
  };
}

export function pageReceiver(page: Page, pid: number): Receiver {
  return {
    visit: async (url) => {
      await page.goto(url);
      await within('an offer on a page', STEP_TIMEOUT_MS, waitForOffer(page));
      let deleted: Promise<void> | undefined;
      page.once('download', (download) => {
        deleted = within('a download', STEP_TIMEOUT_MS, download.delete()).catch(() => {});
      });
      const state = page.getByTestId('transfer-state');
      return {
        roots: [pid],
        take: () => page.getByTestId('save-all').click(),
        done: async (timeoutMs) => {
          const ended = page.locator(
            '[data-testid=transfer-state]:is([data-state=done], [data-state=failed])',
          );
          await ended.waitFor({ state: 'attached', timeout: timeoutMs });
          if ((await state.getAttribute('data-state')) !== 'done')
            throw new Error(`the page says: ${await page.locator('main').innerText()}`);
        },
        percent: async () => {
          const bar = page.getByRole('progressbar').first();
          return Number(await bar.getAttribute('aria-valuenow', { timeout: 1000 }).catch(() => 0));
        },
        [Symbol.asyncDispose]: async () => {
          await deleted;
          await leave(page);
        },
      };
    },
  };
}

async function leave(page: Page): Promise<void> {
  await page.goto('about:blank');
}
