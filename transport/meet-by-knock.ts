import { TransferError } from '#protocol/errors.ts';
import type { Meeting } from './first-lane.ts';
import { Knock } from './knock.ts';
import type { Platform } from './platform.ts';
import { ReceiverRun } from './receiver-run.ts';
import type { Target } from './target.ts';

/**
 * Meets a link's sender by the shortest way through the server, if it is there.
 * @returns null where that way cannot be gone: the other one will tell why, or wait for the sender
 * @throws TransferError what the handshake found, `no-route`, `cancelled`
 */
export async function meetByKnock(
  { serverUrl, secret }: Target,
  deliveryId: Promise<string>,
  { platform, signal }: { readonly platform: Platform; readonly signal?: AbortSignal | undefined },
): Promise<Meeting | null> {
  // Before the run is made it has something to say.
  let run = null as ReceiverRun | null;
  const knock = new Knock(serverUrl, secret.roomName, (payload) => void run?.hear(payload));
  run = new ReceiverRun(secret, deliveryId, platform, knock.iceServers, (message) => knock.send(message));
  let isImpassable = false;
  const giveUp = () => {
    // Once the sender is proven the lane is what counts.
    if (run.secured) return;
    isImpassable = true;
    run.end(new TransferError('connection-lost', 'the server does not let through'));
  };
  const cancel = () => run.end(new TransferError('cancelled'));
  signal?.addEventListener('abort', cancel);
  if (signal?.aborted) cancel();
  void knock.over.then(giveUp);
  try {
    return await run.meeting;
  } catch (error) {
    if (isImpassable && !signal?.aborted) return null;
    throw error;
  } finally {
    signal?.removeEventListener('abort', cancel);
    knock.finish();
  }
}
