import type { Page } from '@playwright/test';
import { moveBare } from '../bare/channel.ts';
import { pageEnd } from '../bare/page-end.ts';
import { type Bench, MIB } from '../bench.ts';
import type { Browser } from '../chromium.ts';
import type { Host, TwoHosts } from '../two-hosts.ts';
import { speedOf } from './delivery.ts';
import { commandReceiver, commandSender, type Parties, pageReceiver, pageSender } from './parties.ts';

/** @param args options of both besides */
export function commandsOn(hosts: TwoHosts, bench: Bench, args: readonly string[] = []): Parties {
  return {
    sender: commandSender({ ...hosts.command('alice'), args }),
    receiver: commandReceiver({ ...hosts.command('bob'), args }, bench.folder),
  };
}

/** Pages, each in a browser on its own host. */
export interface Pages extends AsyncDisposable {
  readonly parties: Parties;
  /** Of one bare data channel between the same two. */
  bareSpeed(bench: Bench): Promise<number>;
}

export async function openPagesOn(hosts: TwoHosts): Promise<Pages> {
  const browsers: Browser[] = [];
  const close = async (): Promise<void> => {
    for (const browser of browsers) await browser[Symbol.asyncDispose]();
  };
  const open = async (host: Host): Promise<[Page, number]> => {
    const browser = await hosts.browser(host);
    browsers.push(browser);
    return [await browser.page(), browser.pid];
  };
  try {
    const [sendingPage, sendingPid] = await open('alice');
    const [receivingPage, receivingPid] = await open('bob');
    return {
      parties: {
        sender: pageSender(sendingPage, sendingPid, hosts.server.url),
        receiver: pageReceiver(receivingPage, receivingPid),
      },
      bareSpeed: async (bench) => {
        await using from = pageEnd(sendingPage, hosts.server.stun);
        await using to = pageEnd(receivingPage, hosts.server.stun);
        // Slow as it is with losses, it is not waited for: its rate is what counts.
        return speedOf(await moveBare(from, to, { bytes: 256 * MIB, seconds: bench.isShort ? 3 : 20 }));
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
