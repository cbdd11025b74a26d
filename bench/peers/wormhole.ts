import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram } from '../../scripts/find-program.mjs';
import { within } from '../bounded.ts';
import type { Host, TwoHosts } from '../two-hosts.ts';

/** magic-wormhole as Debian packs it, directly from alice to bob, with a mailbox server of its own beside ours. */

const START_TIMEOUT_MS = 60_000;
const TRANSFER_TIMEOUT_MS = 5 * 60_000;
/** Of the mailbox server; nothing else is on its host but ours. */
const PORT = 4000;
const PACKAGES = 'apt-get install magic-wormhole python3-magic-wormhole-mailbox-server';

export interface Mailbox extends AsyncDisposable {
  readonly url: string;
}

/** @throws {Error} that says what to install where something is missing */
export async function startMailbox(hosts: TwoHosts, folder: string): Promise<Mailbox> {
  const twist = findProgram('twist3');
  if (findProgram('wormhole') === undefined || twist === undefined)
    throw new Error(`magic-wormhole is not here: ${PACKAGES}`);
  const address = hosts.address('server');
  const words = ['wormhole-mailbox', `--port=tcp:${PORT}:interface=${address}`];
  const database = `--channel-db=${join(folder, 'mailbox.sqlite')}`;
  const child = hosts.lab.host('server').start(twist, [...words, database]);
  const said = gather(child);
  const dispose = () => end(child);
  try {
    await within('starting the mailbox server', START_TIMEOUT_MS, said.until('Starting reactor', PACKAGES));
    return { url: `ws://${address}:${PORT}/v1`, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

let codes = 0;

/** @returns from the moment the receiver has taken the offer to its end, in seconds */
export async function wormholeSeconds(
  hosts: TwoHosts,
  mailbox: Mailbox,
  path: string,
  folder: string,
): Promise<number> {
  codes += 1;
  const code = `${codes}-bench-mark`;
  const target = await mkdtemp(join(folder, 'wormhole-'));
  // No transit helper: directly or not at all.
  const common = ['--relay-url', mailbox.url, '--transit-helper', ''];
  const start = (host: Host, words: readonly string[]) =>
    hosts.lab.host(host).start('wormhole', [...common, ...words, '--hide-progress']);
  const sender = start('alice', ['send', path, '--code', code]);
  const saidBySender = gather(sender);
  let receiver: ChildProcess | undefined;
  try {
    await within('offering by wormhole', START_TIMEOUT_MS, saidBySender.until('Wormhole code is'));
    receiver = start('bob', ['receive', code, '--output-file', join(target, 'got')]);
    const saidByReceiver = gather(receiver);
    await within('an offer by wormhole', START_TIMEOUT_MS, saidByReceiver.until('ok?'));
    const startedMs = performance.now();
    receiver.stdin?.write('y\n');
    await within('wormhole', TRANSFER_TIMEOUT_MS, saidByReceiver.until('Received file written'));
    return (performance.now() - startedMs) / 1000;
  } finally {
    await Promise.all([end(sender), receiver && end(receiver)]);
    await rm(target, { recursive: true, force: true });
  }
}

interface Said {
  /** @throws {Error} where it ends without having said that; with a hint, if there is one */
  until(words: string, hint?: string): Promise<void>;
}

function gather(child: ChildProcess): Said {
  let text = '';
  let hasEnded = false;
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  child.once('error', (error) => {
    text += error.message;
    hasEnded = true;
  });
  child.once('close', () => {
    hasEnded = true;
  });
  return {
    until: async (words, hint) => {
      while (!text.includes(words)) {
        if (hasEnded)
          throw new Error(`it ended without "${words}"${hint ? ` (is it all here? ${hint})` : ''}: ${text}`);
        await sleep(5);
      }
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
