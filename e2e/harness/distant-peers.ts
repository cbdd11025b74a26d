import { join } from 'node:path';
import { type BrowserContext, chromium, type Page, test } from '@playwright/test';
import { openKeeper } from '#natlab/keeper.ts';
import { type Lab, openLab } from '#natlab/lab.ts';
import type { Network } from '#natlab/network.ts';
import { findChromium } from '../../scripts/find-program.mjs';
import { type Program, type ProgramOptions, startProgram } from './program.ts';
import { type Server, startServer } from './server.ts';

/** A lab in which our server runs, with people at its hosts. Whoever opens it disposes of it. */
export interface DistantPeers extends AsyncDisposable {
  readonly lab: Lab;
  /** The one that was started last. */
  readonly server: Server;
  /** Starts it again where it was, after its end. */
  serveAgain(): Promise<void>;
  /** A page of a browser of its own on that host, with the server's page open on it. */
  page(host: string): Promise<Page>;
  /**
   * A browser on that host that keeps what pages store in a folder, as people's do, also from one start to the next.
   * Ended with the lab at the latest.
   */
  browser(host: string, profile: string): Promise<BrowserContext>;
  /** The CLI on that host. @see sallyport in cli.ts */
  cli(
    host: string,
    args: readonly [command: 'send' | 'receive', ...rest: string[]],
    options?: Pick<ProgramOptions, 'terminal'>,
  ): Program;
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
  const browsers: { close(): Promise<void> }[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.allSettled(browsers.map((browser) => browser.close()));
    await Promise.allSettled(started.map((one) => one[Symbol.asyncDispose]()));
    await lab.close();
  };
  const serve = async (): Promise<Server> => {
    const args = ['--host', address, '--port', '443', '--stun-port', '3478', '--tls', 'auto'];
    const env = { XDG_STATE_HOME: state };
    const serving = await startServer(args, { enter: server.enter, env });
    started.push(serving);
    return serving;
  };
  /** What starts a browser on that host. */
  const launching = async (host: string) => {
    const { channel: _, ...options } = test.info().project.use.launchOptions ?? {};
    const program = findChromium() ?? chromium.executablePath();
    return { ...options, executablePath: await lab.host(host).wrap(program) };
  };
  try {
    let serving = await serve();
    const openings = { baseURL: serving.url, ignoreHTTPSErrors: true };
    const trust = { NODE_EXTRA_CA_CERTS: join(state, 'sallyport', 'tls-cert.pem') };
    return {
      lab,
      get server() {
        return serving;
      },
      serveAgain: async () => {
        serving = await serve();
      },
      page: async (host) => {
        const browser = await chromium.launch(await launching(host));
        browsers.push(browser);
        const context = await browser.newContext(openings);
        const page = await context.newPage();
        await page.goto('/');
        return page;
      },
      browser: async (host, profile) => {
        const options = { ...(await launching(host)), ...openings };
        const context = await chromium.launchPersistentContext(profile, options);
        browsers.push(context);
        return context;
      },
      cli: (host, [command, ...rest], options) => {
        const args = [command, '--json', '--server', serving.url, ...rest];
        const env = { ...trust, XDG_STATE_HOME: join(lab.folder, 'state', host) };
        const program = startProgram(args, { ...options, enter: lab.host(host).enter, env });
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
