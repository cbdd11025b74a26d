import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page, type Browser as Playwrights } from '@playwright/test';
import { findChromium } from '../scripts/find-program.mjs';
import { within } from './bounded.ts';

export interface Browser extends AsyncDisposable {
  /** Of the browser's first process, the parent of all others. */
  readonly pid: number;
  /** In a window of its own: a tab that others hide is slowed down by the browser. */
  page(): Promise<Page>;
}

const START_TIMEOUT_MS = 60_000;
const CLOSE_TIMEOUT_MS = 30_000;

/** Nothing that talks to the network on its own, and no GPU. */
const QUIET = ['--disable-gpu', '--disable-quic', '--disable-sync'];

export interface LaunchOptions {
  /** Gives the path of a program that runs another one elsewhere, as a host of natlab's does. */
  readonly wrap?: (program: string) => Promise<string>;
}

/** A Chromium of its own with a profile on disk, as people have it: storage in a private window may live in memory. */
export async function launchChromium(options: LaunchOptions = {}): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), 'sallyport-bench-profile-'));
  const marker = `--sallyport-bench=${profile}`;
  const launching = { ...(await launchOptions(options)), ignoreHTTPSErrors: true };
  const context = await chromium.launchPersistentContext(profile, {
    ...launching,
    args: [...launching.args, marker],
  });
  return {
    pid: await findProcess(marker),
    page: () => within('opening a window', START_TIMEOUT_MS, openWindow(context)),
    [Symbol.asyncDispose]: async () => {
      await within('closing a browser', CLOSE_TIMEOUT_MS, context.close());
      await rm(profile, { recursive: true, force: true });
    },
  };
}

async function openWindow(context: BrowserContext): Promise<Page> {
  const [first] = context.pages();
  if (first === undefined) throw new Error('the browser has no window');
  const session = await context.newCDPSession(first);
  const opened = context.waitForEvent('page');
  await session.send('Target.createTarget', { url: 'about:blank', newWindow: true });
  const page = await opened;
  await session.detach();
  return page;
}

/** One in which each context is a browser that has seen nothing: no cache, no open connections. */
export async function launchBlank(options: LaunchOptions = {}): Promise<Playwrights> {
  return chromium.launch(await launchOptions(options));
}

async function launchOptions({ wrap = async (program) => program }: LaunchOptions) {
  const program = findChromium() ?? chromium.executablePath();
  return {
    executablePath: await wrap(program),
    // As root Chromium refuses to start with its sandbox.
    chromiumSandbox: process.getuid?.() !== 0,
    timeout: START_TIMEOUT_MS,
    args: QUIET,
  };
}

/** Playwright keeps a persistent context's process to itself: it is found by what its command line carries. */
async function findProcess(marker: string): Promise<number> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    const commandLine = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (/^\d+$/.test(name) && commandLine.includes(marker) && !commandLine.includes('--type='))
      found.push(Number(name));
  }
  const [pid] = found.sort((a, b) => a - b);
  if (pid === undefined) throw new Error('the browser was not found among the processes');
  return pid;
}
