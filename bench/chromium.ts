import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from '@playwright/test';
import { findChromium } from '../scripts/find-program.mjs';

export interface Browser extends AsyncDisposable {
  /** Of the browser's first process, the parent of all others. */
  readonly pid: number;
  page(): Promise<Page>;
}

/** A Chromium of its own with a profile on disk, as people have it: storage in a private window may live in memory. */
export async function launchChromium(): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), 'sallyport-bench-profile-'));
  const executablePath = findChromium();
  const marker = `--sallyport-bench=${profile}`;
  const context = await chromium.launchPersistentContext(profile, {
    ...(executablePath !== undefined && { executablePath }),
    chromiumSandbox: process.getuid?.() !== 0,
    args: ['--disable-gpu', '--disable-quic', '--disable-sync', marker],
  });
  return {
    pid: await findProcess(marker),
    page: () => context.newPage(),
    [Symbol.asyncDispose]: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
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
