import type { Page } from '@playwright/test';
import type { Bench } from '../bench.ts';
import { type Browser, launchChromium } from '../chromium.ts';
import { commandReceiver, commandSender, type Parties, pageReceiver, pageSender } from './parties.ts';

/** What a side runs on. */
export type Kind = 'chromium' | 'node';

/** Two of ours on this machine, and a server of their own. Whoever opens them disposes of them. */
export interface OnLoopback extends AsyncDisposable {
  readonly parties: Parties;
  /** The pages that they are, both in one browser; none where a side is a command. */
  readonly pages: { readonly sender: Page | undefined; readonly receiver: Page | undefined };
  /** Where there is one. */
  readonly browserPid: number | undefined;
}

/** @param args options of commands besides */
export async function openOnLoopback(
  bench: Bench,
  from: Kind,
  to: Kind,
  args: readonly string[] = [],
): Promise<OnLoopback> {
  const server = await bench.serve();
  let browser: Browser | undefined;
  const close = async (): Promise<void> => {
    await browser?.[Symbol.asyncDispose]();
    await server.stop();
  };
  try {
    if (from === 'chromium' || to === 'chromium') browser = await launchChromium();
    const command = { serverUrl: server.url, env: bench.env, args };
    const pid = browser?.pid ?? 0;
    const pages = {
      sender: from === 'chromium' ? await browser?.page() : undefined,
      receiver: to === 'chromium' ? await browser?.page() : undefined,
    };
    return {
      parties: {
        sender: pages.sender ? pageSender(pages.sender, pid, server.url) : commandSender(command),
        receiver: pages.receiver ? pageReceiver(pages.receiver, pid) : commandReceiver(command, bench.folder),
      },
      pages,
      browserPid: browser?.pid,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
