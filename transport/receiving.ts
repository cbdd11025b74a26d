import { base64urlnopad } from '@scure/base';
import { TransferError } from '#protocol/errors.ts';
import { decodeBase64url } from '#protocol/handshake/base64url.ts';
import { TypedCodeRuns } from '#protocol/handshake/guess-limit.ts';
import { formatLink } from '#protocol/handshake/link.ts';
import { Deferred } from './deferred.ts';
import type { Meeting } from './first-lane.ts';
import { DELIVERY_ID_BYTES, SENDER_TIMEOUT_MS } from './limits.ts';
import { meetSenderAgain } from './meet-again.ts';
import { meetByKnock } from './meet-by-knock.ts';
import { OpenedShare, type Receiving } from './opened-share.ts';
import type { Platform } from './platform.ts';
import { ReceiverRun } from './receiver-run.ts';
import type { Room } from './room.ts';
import { SignalingClient } from './signaling-client.ts';
import { parseTarget, type Target } from './target.ts';
import { TransferProgress } from './transfer-progress.ts';
import type { TransferStatus } from './transfer-status.ts';

export interface ReceivingOptions {
  readonly platform: Platform;
  /** For a code, which names no server; a link names its own. */
  readonly serverUrl: string;
  /** A link or a code, as a person typed or pasted it. */
  readonly target: string;
  readonly onStatus: (status: TransferStatus) => void;
  /** How long to wait for a link's sender who is not there; forever where it is left out. A code's is waited for briefly. */
  readonly senderTimeoutMs?: number;
  /**
   * Of a delivery that an earlier run left unfinished: the sender then knows that it is the same. No living process may
   * go by it: two would push each other out. Where no way is found to the sender of such a one, it is sought again and
   * again. 16 bytes in base64url; random ones where it is left out, or turns out to be null. One that is still being
   * looked for holds nothing up: it is needed when the sender answers.
   */
  readonly deliveryId?: string | Promise<string | null>;
  /** Aborting cancels, tells the sender, and aborts the sink. */
  readonly signal?: AbortSignal;
}

/**
 * Finds the sender, proves who is who, and fetches the manifest.
 * Where a link's sender is not there now it waits for it (state `waiting`).
 * @throws TransferError `link-malformed`, `code-malformed`, `wrong-code`, `code-used`, `sender-gone`, `room-full`,
 *   `version-mismatch`, `tampered`, `impostor`, `no-route`, `server-unreachable`, `cancelled`, …
 */
export async function openShare(options: ReceivingOptions): Promise<Receiving> {
  const { platform } = options;
  const target = parseTarget(options.target, options.serverUrl);
  const progress = new TransferProgress(() => platform.nowMs(), options.onStatus);
  if (typeof options.deliveryId === 'string') requireDeliveryId(options.deliveryId);
  const earlierId = Promise.resolve(options.deliveryId ?? null);
  const deliveryId = earlierId.then((id) => {
    if (id !== null) requireDeliveryId(id);
    return id ?? base64urlnopad.encode(platform.randomBytes(DELIVERY_ID_BYTES));
  });
  const goesOn = earlierId.then((id) => id !== null);
  // Whoever comes to await them may have left before.
  for (const known of [deliveryId, goesOn]) known.catch(() => {});
  try {
    let knocks = target.secret.mode === 'link';
    const attempt = async (signal: AbortSignal) => {
      const mayKnock = knocks;
      knocks = false;
      const met = mayKnock && (await meetByKnock(target, deliveryId, { platform, signal }));
      return met || meet(target, deliveryId, { ...options, signal }, (state) => progress.set({ state }));
    };
    // Whoever comes back for what is held waits as a receiver does that never left.
    const meeting = await meetSenderAgain(attempt, { ...options, goesOn });
    const link = formatLink({ serverUrl: target.serverUrl, k: meeting.secure.k });
    const again = parseTarget(link, target.serverUrl);
    return await OpenedShare.open(link, meeting, {
      ...options,
      progress,
      deliveryId: await deliveryId,
      meetAgain: (signal) => meet(again, deliveryId, { platform, signal }, () => {}),
    });
  } catch (error) {
    if (error instanceof TransferError) progress.set({ state: 'failed', error });
    throw error;
  }
}

/** @throws TransferError `usage` */
function requireDeliveryId(id: string): void {
  if (decodeBase64url(id, DELIVERY_ID_BYTES) === null)
    throw new TransferError('usage', 'no delivery has such an id');
}

/** Meets the sender once, over a connection to the server of its own. */
async function meet(
  target: Target,
  deliveryId: Promise<string>,
  options: Pick<ReceivingOptions, 'platform'> & {
    readonly senderTimeoutMs?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  },
  onState: (state: 'waiting' | 'connecting') => void,
): Promise<Meeting> {
  const { platform, signal } = options;
  const signaling = SignalingClient.connect(target.serverUrl, {
    randomBytes: (lengthBytes) => platform.randomBytes(lengthBytes),
    ...(signal && { signal }),
  });
  try {
    return await meetSender(signaling, target, deliveryId, options, onState);
  } finally {
    // Whatever is left to be said travels in the lanes.
    signaling.close();
  }
}

/** Joins the room and tries, each time the sender comes, to meet it. */
async function meetSender(
  signaling: SignalingClient,
  { secret }: Target,
  deliveryId: Promise<string>,
  { platform, senderTimeoutMs, signal }: Parameters<typeof meet>[2],
  onState: (state: 'waiting' | 'connecting') => void,
): Promise<Meeting> {
  const met = new Deferred<Meeting>();
  const typedRuns = new TypedCodeRuns();
  const timeoutMs = secret.mode === 'code' ? SENDER_TIMEOUT_MS : senderTimeoutMs;
  let current = null as { member: string; run: ReceiverRun } | null;
  let patience: ReturnType<typeof setTimeout> | undefined;
  const cancel = () => met.reject(new TransferError('cancelled'));
  signal?.addEventListener('abort', cancel);

  const iceServers = signaling.fetchIceServers();
  iceServers.catch((error: unknown) => met.reject(error));

  const wait = () => {
    onState('waiting');
    if (timeoutMs !== undefined)
      patience = setTimeout(() => met.reject(new TransferError('sender-gone')), timeoutMs);
  };
  const begin = (room: Room, member: string) => {
    // Who is proven already is waited for, whoever the server says has come.
    if (current?.run.secured) return;
    clearTimeout(patience);
    if (secret.mode === 'code' && !typedRuns.start()) {
      met.reject(new TransferError('connection-lost', 'the code has been tried too often: type it again'));
      return;
    }
    onState('connecting');
    // A message that is lost on the way shows as a handshake that times out.
    const run = new ReceiverRun(
      secret,
      deliveryId,
      platform,
      iceServers,
      (message) => void room.relay(member, message).catch(() => {}),
    );
    const earlier = current;
    current = { member, run };
    earlier?.run.end(new TransferError('connection-lost', 'the sender came anew'));
    run.meeting.then(met.resolve, (error: unknown) => {
      if (current?.run === run) met.reject(error);
    });
  };

  try {
    const joining = signaling.joinAsReceiver(secret.roomName, {
      onMember: (member) => begin(room, member),
      onMemberLeft: (member) => {
        const leaving = current;
        if (leaving?.member !== member) return;
        afterItsWords(() => {
          if (current !== leaving || leaving.run.secured) return;
          current = null;
          leaving.run.end(new TransferError('connection-lost', 'the sender left the room'));
          wait();
        });
      },
      onRelay: (from, payload) => {
        if (current?.member === from) void current.run.hear(payload);
      },
      onClosed: (code) =>
        afterItsWords(() => {
          if (!current?.run.secured) met.reject(new TransferError(code));
        }),
    });
    // A join tries on where the configuration has failed already, and knows why.
    await Promise.race([joining, met.promise]);
    const room = await joining;
    if (room.members.size === 0) wait();
    return await met.promise;
  } catch (error) {
    // A code's room holds two: a third comes too late.
    const isTaken = secret.mode === 'code' && error instanceof TransferError && error.code === 'room-full';
    throw isTaken ? new TransferError('code-used', 'somebody else is using this code') : error;
  } finally {
    clearTimeout(patience);
    signal?.removeEventListener('abort', cancel);
    // Without a meeting nothing of it may stay open.
    current?.run.end(new TransferError('cancelled'));
  }
}

/** What somebody said before leaving, a refusal above all, may still be in the making: it says more than that they left. */
function afterItsWords(task: () => void): void {
  setTimeout(task, 0);
}
