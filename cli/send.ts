import { FolderSource } from '#node-peer/folder-source.ts';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { TransferError, type TransferErrorCode } from '#protocol/errors.ts';
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

/** How a receiver ends that has chosen, and whose disk refuses before anything flows. */
const REFUSED_BY_SINK: ReadonlySet<TransferErrorCode> = new Set(['disk-full', 'sink-failed']);

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
  const interrupted = interruption(signal);
  const source = await Promise.race([FolderSource.open(paths), interrupted]);
  for (const { path, reason } of source.skipped) output.say({ event: 'skipped', path, reason });

  const receivers = new Map<string, TransferEvents>();
  let code: string | null = null;
  let isOpen = false;
  let isCodeUsed = false;
  let settle: (exit: number) => void = () => {};
  const exit = new Promise<number>((resolve) => {
    settle = resolve;
  });

  const onReceiver = (status: ReceiverStatus) => {
    const events = receivers.get(status.id) ?? new TransferEvents(output, { receiver: status.id });
    receivers.set(status.id, events);
    events.take(status);
    if (options.keep) return;
    if (status.state === 'done') settle(EXIT.ok);
    // Whoever has chosen was the first receiver; one that left before, or took nothing, leaves the offer standing.
    const { error } = status;
    if (error && (events.begun || REFUSED_BY_SINK.has(error.code))) settle(EXIT.failed);
    else if (error && isCodeUsed) newCode();
  };

  // Without one the link still works.
  const newCode = () => void sharing.newCode().catch(() => {});
  const sharing = await Promise.race([
    startSharing({
      platform: nodePlatform(),
      serverUrl,
      source,
      onCode: (changed, reason) => {
        code = changed;
        isCodeUsed = reason === 'used';
        if (isOpen) output.say({ event: 'code', code, reason });
        if (isCodeUsed && options.keep) newCode();
      },
      onReceiver,
      onConnected: (connected) => output.say({ event: 'server', connected }),
      onUnreachable: (error) => {
        const status = sayFailure(output, error);
        if (receivers.size === 0) settle(status);
      },
    }),
    interrupted,
  ]);
  signal.addEventListener('abort', () => settle(EXIT.interrupted));
  isOpen = true;
  output.say({ event: 'link', url: sharing.link, code });
  try {
    return await exit;
  } finally {
    await sharing.close();
  }
}

/** Rejects when interrupted: neither a large folder nor a silent server keeps anybody waiting. */
function interruption(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const cancel = () => reject(new TransferError('cancelled'));
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel);
  });
}
