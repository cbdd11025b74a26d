import { FolderSource } from '#node-peer/folder-source.ts';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { type ReceiverStatus, startSharing } from '#transport/sharing.ts';
import type { Output } from './events.ts';
import { EXIT, sayFailure } from './failure.ts';
import { serverAddress } from './server-address.ts';
import { TransferEvents } from './transfer-events.ts';

export interface SendOptions {
  readonly server?: string;
  /** Serves on after the first receiver. */
  readonly keep?: boolean;
}

/**
 * `sallyport send`: offers paths until the first receiver has everything it chose, or for good.
 * @returns the exit status: 0 only if that receiver has it all, verified and on disk
 */
export async function send(
  paths: readonly string[],
  options: SendOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const serverUrl = serverAddress(options.server);
  const source = await FolderSource.open(paths);
  for (const { path, reason } of source.skipped) output.say({ event: 'skipped', path, reason });

  const receivers = new Map<string, TransferEvents>();
  let firstCode: string | null = null;
  let isOpen = false;
  let settle: (exit: number) => void = () => {};
  const exit = new Promise<number>((resolve) => {
    settle = resolve;
  });

  const onReceiver = (status: ReceiverStatus) => {
    const events = receivers.get(status.id) ?? new TransferEvents(output, { receiver: status.id });
    receivers.set(status.id, events);
    events.take(status);
    if (status.state === 'done' && !options.keep) settle(EXIT.ok);
    // A receiver that took part and failed was the first: one that never got a connection leaves the offer standing.
    if (status.state === 'failed' && status.files > 0 && !options.keep) settle(EXIT.failed);
  };

  const sharing = await startSharing({
    platform: nodePlatform(),
    serverUrl,
    source,
    onCode: (code, reason) => {
      if (isOpen) output.say({ event: 'code', code, reason });
      else firstCode = code;
      if (options.keep && isOpen && reason === 'used') void sharing.newCode().catch(() => {});
    },
    onReceiver,
    onConnected: (connected) => output.say({ event: 'server', connected }),
    onUnreachable: (error) => {
      const status = sayFailure(output, error);
      if (receivers.size === 0) settle(status);
    },
  });
  signal.addEventListener('abort', () => settle(EXIT.interrupted));
  if (signal.aborted) settle(EXIT.interrupted);
  isOpen = true;
  output.say({ event: 'link', url: sharing.link, code: firstCode });
  try {
    return await exit;
  } finally {
    await sharing.close();
  }
}
