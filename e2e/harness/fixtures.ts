import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, type Page } from '@playwright/test';
import { sallyport } from './cli.ts';
import type { Program, ProgramOptions } from './program.ts';
import { type Server, startServer } from './server.ts';

interface TestFixtures {
  /** An empty folder for this test alone. */
  folder: string;
  /** A second person's page, in a browser context of its own. */
  friend: Page;
  /** Starts the CLI against `server`; ended with the test. */
  cli: (args: Parameters<typeof sallyport>[1], options?: ProgramOptions) => Program;
}

interface WorkerFixtures {
  /** One server for all tests; a test that strains or stops it starts its own. `page.goto('/')` opens it. */
  server: Server;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern.
    async ({}, use) => {
      const server = await startServer();
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern.
  folder: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-e2e-'));
    await use(folder);
    await rm(folder, { recursive: true, force: true });
  },
  friend: async ({ browser, server }, use) => {
    const context = await browser.newContext({ baseURL: server.url });
    await use(await context.newPage());
    await context.close();
  },
  cli: async ({ server }, use) => {
    const programs: Program[] = [];
    await use((args, options) => {
      const program = sallyport(server.url, args, options);
      programs.push(program);
      return program;
    });
    await Promise.all(programs.map((program) => program.stop()));
    const stray = programs.flatMap((program) => program.strayLines);
    if (stray.length > 0) throw new Error(`With --json these lines are no JSON:\n${stray.join('\n')}`);
  },
});

export { expect } from '@playwright/test';
