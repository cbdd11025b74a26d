import { resolve } from 'node:path';
import { FolderSource } from '#node-peer/folder-source.ts';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { TransferError, type TransferErrorCode } from '#protocol/errors.ts';
import { type ReceiverStatus, startSharing } from '#transport/sharing.ts';
import type { Output } from './events.ts';
import { EXIT, sayFailure } from './failure.ts';
import { KeptShare, unfinishedShares } from './kept-shares.ts';
import { PauseKey } from './pause-key.ts';
import { serverAddress } from './server-address.ts';
import { TransferEvents } from './transfer-events.ts';

export interface SendOptions {
  readonly server?: string;
  /** Serves on after the first receiver. */
  readonly keep?: boolean;
  /** Offers the latest unfinished share again, in place of paths. */
  readonly resume?: boolean;
  /** Whether lanes over TCP are made as well. */
  readonly tcp?: boolean;
}

/** How a receiver ends that has chosen, and whose disk refuses before anything flows. */
const REFUSED_BY_SINK: ReadonlySet<TransferErrorCode> = new Set(['disk-full', 'sink-failed']);

/** How a receiver ends by its own wish: it may go on another time. */
const FAREWELLS: ReadonlySet<TransferErrorCode> = new Set(['cancelled', 'declined']);

/**
 * `sallyport send`: offers paths until the first receiver has everything it chose, or for good. One that stops by its own
 * wish may go on: the offer stands.
 * @returns the exit status: 0 only if that receiver has it all, verified and on disk
 */
export async function send(
  given: readonly string[],
  options: SendOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const { serverUrl, paths } = await whatToSend(given, options, output);
  const interrupted = interruption(signal);
  const kept = await KeptShare.open(serverUrl, paths);
  const giveUp = async (error: unknown): Promise<never> => {
    await (kept?.isOld ? kept.keep() : kept?.forget());
    throw error;
  };
  // Whoever waits for the rest of an earlier offer gets it.
  const opening = FolderSource.open(paths, { mayLackSome: kept?.isOld });
  const source = await Promise.race([opening, interrupted]).catch(giveUp);
  for (const { path, reason } of source.skipped) output.say({ event: 'skipped', path, reason });

  /** Each one's latest run: whoever stopped comes again under the same id. */
  const receivers = new Map<string, TransferEvents>();
  /** Receivers that have chosen, and have not everything. */
  const unfinished = new Set<string>();
  let code: string | null = null;
  let isOpen = false;
  let isCodeUsed = false;
  let settle: (exit: number) => void = () => {};
  const exit = new Promise<number>((resolve) => {
    settle = resolve;
  });

  const onReceiver = (status: ReceiverStatus) => {
    const { id, error } = status;
    let events = receivers.get(id);
    if (!events || (events.ended && status.state !== 'done' && !error))
      events = new TransferEvents(output, { receiver: id });
    receivers.set(id, events);
    events.take(status);
    if (events.unfinished) {
      unfinished.add(id);
      pauseKey.start();
    }
    if (events.delivered) unfinished.delete(id);
    const hasStopped = events.begun && error?.source === 'remote' && FAREWELLS.has(error.code);
    if (hasStopped) output.say({ event: 'stopped', receiver: id });
    if (options.keep) return;
    if (status.state === 'done') settle(EXIT.ok);
    // Whoever has chosen was the first receiver; one that left before, or took nothing, leaves the offer standing.
    if (error && !hasStopped && (events.begun || REFUSED_BY_SINK.has(error.code))) settle(EXIT.failed);
    else if (error && isCodeUsed) newCode();
  };

  let paused = false;
  const pauseKey = new PauseKey(() => {
    paused = !paused;
    for (const [id, events] of receivers) if (events.unfinished) sharing.pause(id, paused);
  });

  // Without one the link still works.
  const newCode = () => void sharing.newCode().catch(() => {});
  const sharing = await Promise.race([
    startSharing({
      platform: nodePlatform({ tcp: options.tcp !== false }),
      serverUrl,
      source,
      ...(kept && { ownerSeed: kept.seed }),
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
  ]).catch(giveUp);
  signal.addEventListener('abort', () => settle(EXIT.interrupted));
  isOpen = true;
  output.say({ event: 'link', url: sharing.link, code });
  try {
    return await exit;
  } finally {
    pauseKey.end();
    // Before everybody is told that it is over.
    const isUnfinished =
      unfinished.size > 0 || (kept?.isOld && ![...receivers.values()].some(({ delivered }) => delivered));
    if (isUnfinished && kept) output.say({ event: 'resumable', command: 'sallyport send --resume' });
    await sharing.close();
    await (isUnfinished ? kept?.keep() : kept?.forget());
  }
}

/** The paths that were given, or those of the latest share that a command did not end. @throws TransferError `usage` */
async function whatToSend(
  given: readonly string[],
  options: SendOptions,
  output: Output,
): Promise<{ serverUrl: string; paths: string[] }> {
  if (!options.resume) {
    if (given.length === 0)
      throw new TransferError('usage', "missing required argument 'path'; see sallyport send --help");
    return { serverUrl: serverAddress(options.server), paths: given.map((path) => resolve(path)) };
  }
  if (given.length > 0) throw new TransferError('usage', 'give paths or --resume, not both');
  const serverUrl = options.server === undefined ? null : serverAddress(options.server);
  const shares = (await unfinishedShares()).filter(
    (share) => serverUrl === null || share.serverUrl === serverUrl,
  );
  const [latest, ...others] = shares;
  if (!latest) throw new TransferError('usage', 'there is no unfinished share to offer again');
  output.say({ event: 'resumed', paths: latest.paths, others: others.length });
  return { serverUrl: latest.serverUrl, paths: [...latest.paths] };
}

/** Rejects when interrupted: neither a large folder nor a silent server keeps anybody waiting. */
function interruption(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const cancel = () => reject(new TransferError('cancelled'));
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel);
  });
}
