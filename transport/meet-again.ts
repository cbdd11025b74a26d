import { TransferError } from '#protocol/errors.ts';
import type { Meeting } from './first-lane.ts';
import type { Platform } from './platform.ts';
import { Search } from './search.ts';

export interface Patience {
  readonly platform: Pick<Platform, 'nowMs'>;
  /** How long a sender who is not there is waited for; forever where it is left out. */
  readonly senderTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether there is an earlier process's delivery to go on with: of a new one the first attempt is the only one. */
  readonly goesOn: Promise<boolean>;
}

/**
 * Meets the sender of a delivery: of one that another process has begun, what is over for now is tried again, as it would
 * have been there.
 *
 * @param attempt rejects soon after its signal aborts
 * @throws TransferError what no further attempt can change, `cancelled`, or how the last one ended
 */
export async function meetSenderAgain(
  attempt: (signal: AbortSignal) => Promise<Meeting>,
  { platform, senderTimeoutMs, signal, goesOn }: Patience,
): Promise<Meeting> {
  let heardMs = platform.nowMs();
  const search = new Search(async (stop) => {
    try {
      return await attempt(stop);
    } catch (error) {
      if (!(error instanceof TransferError)) throw error;
      if (!(await goesOn)) search.stop(error);
      const isOver = (limitMs: number) =>
        error.code === 'sender-gone' || platform.nowMs() - heardMs >= limitMs;
      // The sender is there, and only the way to it is not.
      if (error.code === 'no-route') heardMs = platform.nowMs();
      else if (senderTimeoutMs !== undefined && isOver(senderTimeoutMs)) search.stop(error);
      throw error;
    }
  }, 0);
  const cancel = () => search.stop(new TransferError('cancelled'));
  signal?.addEventListener('abort', cancel);
  if (signal?.aborted) cancel();
  try {
    return await search.meeting;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
