import type { Entry, EntryId } from '#protocol/entry.ts';
import { TransferError, type TransferErrorCode } from '#protocol/errors.ts';
import { TypedCodeRuns } from '#protocol/handshake/guess-limit.ts';
import { formatLink } from '#protocol/handshake/link.ts';
import { sumSizes } from '#protocol/manifest.ts';
import { Deferred } from './deferred.ts';
import type { Meeting } from './first-lane.ts';
import { SENDER_TIMEOUT_MS } from './limits.ts';
import type { Platform } from './platform.ts';
import { ReceiveDriver } from './receive-driver.ts';
import { ReceiverRun } from './receiver-run.ts';
import type { Room } from './room.ts';
import { SignalingClient } from './signaling-client.ts';
import type { SavedEntry, Sink } from './sink.ts';
import { parseTarget, type Target } from './target.ts';
import { TransferProgress } from './transfer-progress.ts';
import type { TransferStatus } from './transfer-status.ts';

/** What the sender offers, whole and checked, before a byte of any file has flowed. An entry's id is its index. */
export interface Offer {
  readonly entries: readonly Entry[];
  readonly files: number;
  readonly totalBytes: number;
}

export interface ReceivingOptions {
  readonly platform: Platform;
  /** For a code, which names no server; a link names its own. */
  readonly serverUrl: string;
  /** A link or a code, as a person typed or pasted it. */
  readonly target: string;
  readonly onStatus: (status: TransferStatus) => void;
  /** How long to wait for a link's sender who is not there; forever where it is left out. A code's is waited for briefly. */
  readonly senderTimeoutMs?: number;
  /** Aborting cancels, tells the sender, and aborts the sink. */
  readonly signal?: AbortSignal;
}

/** How a delivery ended: `failed` files are not saved, everything else chosen is verified and on disk. */
export interface Delivery {
  readonly saved: readonly SavedEntry[];
  readonly failed: readonly { readonly path: string; readonly code: TransferErrorCode }[];
  readonly status: TransferStatus;
}

/** A share as its receiver sees it, after the handshake. */
export interface Receiving {
  readonly offer: Offer;
  /** The share's link, also where a code was typed: what to open again after an interruption. */
  readonly link: string;
  /**
   * Fetches the chosen entries (ids; parents of chosen files need not be named) into the sink. Once.
   * @throws TransferError when the transfer as a whole fails; the sink has been aborted then.
   */
  accept(chosen: readonly EntryId[], sink: Sink): Promise<Delivery>;
  /** Takes nothing; the sender is told. */
  decline(): Promise<void>;
}

/**
 * Finds the sender, proves who is who, and fetches the manifest.
 * Where a link's sender is not there now it waits for it (state `waiting`).
 * @throws TransferError `link-malformed`, `code-malformed`, `wrong-code`, `code-used`, `sender-gone`, `room-full`,
 *   `version-mismatch`, `tampered`, `impostor`, `no-route`, `server-unreachable`, `cancelled`, …
 */
export async function openShare(options: ReceivingOptions): Promise<Receiving> {
  const { platform, signal } = options;
  const target = parseTarget(options.target, options.serverUrl);
  const progress = new TransferProgress(() => platform.nowMs(), options.onStatus);
  const signaling = SignalingClient.connect(target.serverUrl, {
    randomBytes: (lengthBytes) => platform.randomBytes(lengthBytes),
    ...(signal && { signal }),
  });
  try {
    const { secure, connected } = await meetSender(signaling, target, options, progress);
    const driver = new ReceiveDriver(secure, platform, progress);
    const cancel = () => driver.cancel();
    signal?.addEventListener('abort', cancel);
    void driver.session.closed.then(() => signal?.removeEventListener('abort', cancel));
    driver.session.add(connected);
    const entries = await driver.offer;
    return {
      offer: {
        entries,
        files: entries.filter(({ kind }) => kind === 'file').length,
        totalBytes: sumSizes(entries),
      },
      link: formatLink({ serverUrl: target.serverUrl, k: secure.k }),
      accept: async (chosen, sink) => {
        const saved = await driver.fetch(chosen, sink);
        const { status } = progress;
        return { saved, failed: status.failedFiles, status };
      },
      decline: () => driver.session.end('declined', new TransferError('declined')),
    };
  } catch (error) {
    if (error instanceof TransferError) progress.set({ state: 'failed', error });
    throw error;
  } finally {
    // Whatever is left to be said travels in the lanes.
    signaling.close();
  }
}

/** Joins the room and tries, each time the sender comes, to meet it. */
async function meetSender(
  signaling: SignalingClient,
  { secret }: Target,
  { platform, senderTimeoutMs, signal }: ReceivingOptions,
  progress: TransferProgress,
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
    progress.set({ state: 'waiting' });
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
    progress.set({ state: 'connecting' });
    // A message that is lost on the way shows as a handshake that times out.
    const run = new ReceiverRun(
      secret,
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
