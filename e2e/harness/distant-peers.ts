import { join } from 'node:path';
import { type Browser, chromium, type Page, test } from '@playwright/test';
import { openKeeper } from '#natlab/keeper.ts';
import { type Lab, openLab } from '#natlab/lab.ts';
import type { Network } from '#natlab/network.ts';
import { findChromium } from '../../scripts/find-program.mjs';
import { type Program, startProgram } from './program.ts';
import { type Server, startServer } from './server.ts';

/** A lab in which our server runs, with people at its hosts. Whoever opens it disposes of it. */
export interface DistantPeers extends AsyncDisposable {
  readonly lab: Lab;
  readonly server: Server;
  /** A page of a browser of its own on that host, with the server's page open on it. */
  page(host: string): Promise<Page>;
  /** The CLI on that host. @see sallyport in cli.ts */
  cli(host: string, args: readonly [command: 'send' | 'receive', ...rest: string[]]): Program;
}

const STATE_FOLDER = 'server-state';

/** Skips a file's tests, and says why in a line, where there can be no network namespaces. For `test.beforeAll`. */
export async function requireNamespaces(): Promise<void> {
  const refusal = await openKeeper().then(
    (keeper) => keeper.close(),
    (error: Error) => error.message,
  );
  if (refusal === undefined) return;
  process.stderr.write(`Skipped: ${refusal}\n`);
  test.skip(true, refusal);
}

/** Opens a network and starts the server in it, with https, as pages need it to work. */
export async function openDistantPeers(network: Network): Promise<DistantPeers> {
  const lab = await openLab(network);
  const server = lab.host('server');
  const [address = ''] = server.ipv4;
  const state = join(lab.folder, STATE_FOLDER);
  const started: AsyncDisposable[] = [];
  const browsers: Browser[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.allSettled(browsers.map((browser) => browser.close()));
    await Promise.allSettled(started.map((one) => one[Symbol.asyncDispose]()));
    await lab.close();
  };
  try {
    const serving = await startServer(
      ['--host', address, '--port', '443', '--stun-port', '3478', '--tls', 'auto'],
      {
        enter: server.enter,
        env: { XDG_STATE_HOME: state },
      },
    );
    started.push(serving);
    const env = { NODE_EXTRA_CA_CERTS: join(state, 'sallyport', 'tls-cert.pem') };
    return {
      lab,
      server: serving,
      page: async (host) => {
        const { launchOptions } = test.info().project.use;
        const wrapped = await lab.host(host).wrap(findChromium() ?? chromium.executablePath());
        const { channel: _, ...options } = launchOptions ?? {};
        const browser = await chromium.launch({ ...options, executablePath: wrapped });
        browsers.push(browser);
        const context = await browser.newContext({ baseURL: serving.url, ignoreHTTPSErrors: true });
        const page = await context.newPage();
        await page.goto('/');
        return page;
      },
      cli: (host, [command, ...rest]) => {
        const args = [command, '--json', '--server', serving.url, ...rest];
        const program = startProgram(args, { enter: lab.host(host).enter, env });
        started.push(program);
        return program;
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
