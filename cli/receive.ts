import { resolve } from 'node:path';
import { FolderSink } from '#node-peer/folder-sink.ts';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { TransferError } from '#protocol/errors.ts';
import { openShare } from '#transport/receiving.ts';
import type { Output } from './events.ts';
import { EXIT } from './failure.ts';
import { askWhatToTake } from './offer-prompt.ts';
import { serverAddress } from './server-address.ts';
import { readTarget } from './target-input.ts';
import { TransferEvents } from './transfer-events.ts';

export interface ReceiveOptions {
  readonly server?: string;
  readonly output: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** How long a command waits for a link's sender before it says that nobody is there. */
const SENDER_TIMEOUT_MS = 10_000;

/**
 * `sallyport receive`: finds the sender, shows what it offers, saves what is chosen.
 * @returns the exit status: 0 only if everything chosen is verified and on disk
 */
export async function receive(
  target: string | undefined,
  options: ReceiveOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const text = await readTarget(target, signal);
  const folder = resolve(options.output);
  const events = new TransferEvents(output, { folder });
  let waits = false;
  try {
    const receiving = await openShare({
      platform: nodePlatform(),
      // A link names its server; only a code needs to be told.
      serverUrl: /[#/]/.test(text) ? '' : serverAddress(options.server),
      target: text,
      senderTimeoutMs: SENDER_TIMEOUT_MS,
      signal,
      onStatus: (status) => {
        if (status.state === 'waiting' && status.lanes === 0 && !waits) {
          waits = true;
          output.say({ event: 'waiting' });
        }
        if (status.state !== 'failed') events.take(status);
      },
    });
    const { offer } = receiving;
    output.say({ event: 'offer', files: offer.files, totalBytes: offer.totalBytes });
    const asks =
      !options.yes && !options.json && process.stdin.isTTY === true && process.stderr.isTTY === true;
    const chosen = asks ? await askWhatToTake(offer, folder, signal) : offer.entries.map((_, id) => id);
    if (!chosen) {
      await receiving.decline();
      return EXIT.failed;
    }
    const { failed, status } = await receiving.accept(chosen, await FolderSink.create(folder));
    events.take(status);
    return failed.length === 0 ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (signal.aborted) throw new TransferError('cancelled', 'cancelled', { cause: error });
    throw error;
  }
}
