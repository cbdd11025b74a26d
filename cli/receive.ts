import { resolve } from 'node:path';
import { FolderSink } from '#node-peer/folder-sink.ts';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { parseLink } from '#protocol/handshake/link.ts';
import type { Offer } from '#transport/opened-share.ts';
import { openShare } from '#transport/receiving.ts';
import { shareIdOf } from '#transport/share-id.ts';
import type { TransferStatus } from '#transport/transfer-status.ts';
import type { Output } from './events.ts';
import { EXIT } from './failure.ts';
import { askWhatToTake, commonFolder } from './offer-prompt.ts';
import { PauseKey } from './pause-key.ts';
import { recordReceived } from './received-records.ts';
import { renamedPaths } from './renamed-paths.ts';
import { serverAddress } from './server-address.ts';
import { shellWord } from './shell-word.ts';
import { readTarget } from './target-input.ts';
import { TransferEvents } from './transfer-events.ts';
import { UsedCode } from './used-codes.ts';

export interface ReceiveOptions {
  readonly server?: string;
  readonly output: string;
  readonly yes?: boolean;
  readonly json?: boolean;
  /** Whether lanes over TCP are made as well. */
  readonly tcp?: boolean;
}

/** How long a command waits for a link's sender before it says that nobody is there. */
const SENDER_TIMEOUT_MS = 10_000;

/**
 * `sallyport receive`: finds the sender, shows what it offers, saves what is chosen.
 * @returns the exit status: 0 only if everything chosen is verified and on disk
 */
export async function receive(
  argument: string | undefined,
  options: ReceiveOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const text = await readTarget(argument, signal);
  // A link names its server; only a code needs to be told.
  const serverUrl = /[#/]/.test(text) ? '' : serverAddress(options.server);
  const code = serverUrl && (await UsedCode.find(serverUrl, text));
  const folder = resolve(options.output);
  // Before the sender is met: a folder that is none must not use up a code.
  const sink = await FolderSink.create(folder);
  const known = code ? code.link : text;
  const deliveryId = known === null ? null : await claimLeft(known, sink);
  // A code serves once: its link is used where the folder has what it left, and nobody else is at it.
  const target = code && deliveryId === null ? text : (known ?? text);
  const events = new TransferEvents(output, { folder });
  /** Ends the question: there is nothing left to answer. */
  const over = new AbortController();
  signal.addEventListener('abort', () => over.abort());
  let waits = false;
  /** Called once, when what was chosen is on its way. */
  let begins: ((totalBytes: number) => void) | null = null;
  const onStatus = (status: TransferStatus) => {
    if (status.state === 'waiting' && status.lanes === 0 && !waits) {
      waits = true;
      output.say({ event: 'waiting' });
    }
    if (status.state === 'transferring') begins?.(status.totalBytes);
    if (status.state === 'transferring') begins = null;
    // How it ends is said below.
    if (status.state === 'failed') over.abort(status.error);
    else if (status.state !== 'done') events.take(status);
  };
  const receiving = await openShare({
    platform: nodePlatform({ tcp: options.tcp !== false }),
    serverUrl,
    target,
    senderTimeoutMs: SENDER_TIMEOUT_MS,
    ...(deliveryId && { deliveryId }),
    signal,
    onStatus,
  }).catch(async (error) => {
    await sink.release();
    throw error;
  });
  try {
    const { offer } = receiving;
    output.say({ event: 'offer', files: offer.files, totalBytes: offer.totalBytes });
    const asks =
      !options.yes && !options.json && process.stdin.isTTY === true && process.stderr.isTTY === true;
    const chosen = asks ? await askWhatToTake(offer, folder, over.signal) : offer.entries.map((_, id) => id);
    if (!chosen) {
      await receiving.decline();
      if (code && deliveryId === null) await code.forget();
      return EXIT.failed;
    }
    if (code) await code.keep(receiving.link);
    begins = (totalBytes) => {
      if (sink.heldBytes > 0)
        output.say({ event: 'continuing', bytes: sink.heldBytes, totalBytes, what: nameOf(offer, folder) });
      pauseKey.start();
    };
    let paused = false;
    const pauseKey = new PauseKey(() => {
      paused = !paused;
      receiving.pause(paused);
    });
    const { saved, failed, status } = await receiving.accept(chosen, sink).finally(() => pauseKey.end());
    if (code) await code.forget();
    // Whoever cannot note it has the files all the same.
    await recordReceived(folder, sink.savedFiles).catch(() => {});
    for (const [path, savedAs] of renamedPaths(offer.entries, saved, folder)) {
      output.say({ event: 'renamed', path, savedAs });
    }
    events.take(status);
    return failed.length === 0 ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (sink.isWorthKeeping) output.say({ event: 'resumable', command: commandOf(receiving.link, options) });
    // Whatever ended it is on its way to the sender: it must leave before this process does.
    await receiving.decline();
    throw error;
  } finally {
    await sink.release();
  }
}

/** Which delivery of the link's share an earlier run has left in the folder. */
async function claimLeft(link: string, sink: FolderSink): Promise<string | null> {
  return sink.claim(await shareIdOf(parseLink(link).k, nodePlatform()));
}

/** What goes on, as a person knows it: the folder in which all of it lies, or the folder it is saved in. */
function nameOf({ entries }: Offer, folder: string): string {
  return commonFolder(entries) || (entries.length === 1 ? (entries[0]?.path ?? '') : folder);
}

function commandOf(link: string, { output, yes }: ReceiveOptions): string {
  const words = [
    'sallyport',
    'receive',
    ...(output === '.' ? [] : ['-o', output]),
    ...(yes ? ['--yes'] : []),
    link,
  ];
  return words.map(shellWord).join(' ');
}
