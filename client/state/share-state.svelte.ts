import { TransferError } from '#protocol/errors.ts';
import type { CodeChange } from '#transport/code-door.ts';
import type { Platform } from '#transport/platform.ts';
import { type ReceiverStatus, type Sharing, startSharing } from '#transport/sharing.ts';
import type { TransferState } from '#transport/transfer-status.ts';
import { ENDED_RECEIVERS_LISTED } from '../limits.ts';
import { OfferTree } from '../offer/offer-tree.ts';
import { offerGathered } from '../sources/browser-file-source.ts';
import { Gathering, type Skipped } from '../sources/gathering.ts';
import { asTransferError } from './as-transfer-error.ts';

/** A receiver as the page lists it. */
export interface ListedReceiver extends ReceiverStatus {
  /** 1 for who came first. */
  readonly ordinal: number;
}

/** The share that this page offers, from the first file picked to its end. */
export class ShareState {
  stage = $state<'none' | 'gathering' | 'starting' | 'sharing' | 'failed'>('none');
  /** While folders are being read. */
  entriesFound = $state(0);
  offered = $state.raw<OfferTree | null>(null);
  skipped = $state.raw<readonly Skipped[]>([]);
  link = $state<string | null>(null);
  code = $state<string | null>(null);
  codeChange = $state<CodeChange>('opened');
  /** Whether the signaling server is reached: without it nobody new can come. */
  connected = $state(true);
  /** In order of arrival: those that run, and the last that ended. */
  receivers = $state.raw<readonly ListedReceiver[]>([]);
  /** Why a new code could not be had. */
  codeError = $state.raw<TransferError | null>(null);
  /** Why the share failed, or why nobody can find it any more. */
  error = $state.raw<TransferError | null>(null);

  readonly #platform: Platform;
  readonly #serverUrl: string;
  #sharing: Sharing | null = null;
  #arrived = 0;
  /** Told apart from an offer that was stopped while it was being made. */
  #run = 0;

  constructor(platform: Platform, serverUrl: string) {
    this.#platform = platform;
    this.#serverUrl = serverUrl;
  }

  /** Mirrors the receiver that came last. */
  get transferState(): TransferState {
    if (this.stage === 'failed') return 'failed';
    if (this.stage !== 'sharing') return 'connecting';
    return this.#mirrored?.state ?? 'waiting';
  }

  get paused(): ReceiverStatus['paused'] {
    const { state, paused } = this.#mirrored ?? {};
    return state === 'transferring' && paused ? paused : { here: false, there: false };
  }

  /** Whether closing the page would break something off. */
  get busy(): boolean {
    return this.receivers.some((receiver) => !hasEnded(receiver) && receiver.state !== 'waiting');
  }

  /** @param gather fills in what is offered; folders take their time */
  async offer(gather: (gathering: Gathering) => void | Promise<void>): Promise<void> {
    const run = this.#begin();
    try {
      const gathering = new Gathering((count) => {
        // Ends the walk through folders that nobody waits for any more.
        if (run !== this.#run) throw new TransferError('cancelled');
        this.entriesFound = count;
      });
      await gather(gathering);
      if (run !== this.#run) return;
      const { source, skipped } = offerGathered(gathering);
      this.skipped = skipped;
      this.offered = new OfferTree(source.entries);
      this.stage = 'starting';
      const sharing = await startSharing({
        platform: this.#platform,
        serverUrl: this.#serverUrl,
        source,
        onCode: (code, change) => {
          if (run !== this.#run) return;
          this.code = code;
          this.codeChange = change;
        },
        onReceiver: (receiver) => {
          if (run === this.#run) this.#update(receiver);
        },
        onConnected: (connected) => {
          if (run === this.#run) this.connected = connected;
        },
        onUnreachable: (error) => {
          if (run === this.#run) this.error = error;
        },
      });
      if (run !== this.#run) {
        await sharing.close();
        return;
      }
      this.#sharing = sharing;
      this.link = sharing.link;
      this.stage = 'sharing';
    } catch (thrown) {
      if (run !== this.#run) return;
      this.error = asTransferError(thrown);
      this.stage = 'failed';
    }
  }

  async newCode(): Promise<void> {
    this.codeError = null;
    try {
      await this.#sharing?.newCode();
    } catch (thrown) {
      this.codeError = asTransferError(thrown);
    }
  }

  /** Holds one receiver's transfer up, or lets it go on. */
  pause(receiverId: string, paused: boolean): void {
    this.#sharing?.pause(receiverId, paused);
  }

  /** Ends the share; its receivers are told. */
  async stop(): Promise<void> {
    const sharing = this.#sharing;
    this.#begin();
    this.stage = 'none';
    await sharing?.close();
  }

  /** The page goes: receivers are told as far as that can be done at once. */
  farewell(): void {
    void this.#sharing?.close();
  }

  get #mirrored(): ListedReceiver | undefined {
    return this.receivers.findLast(({ state }) => state === 'transferring') ?? this.receivers.at(-1);
  }

  #begin(): number {
    this.stage = 'gathering';
    this.#sharing = null;
    this.entriesFound = 0;
    this.offered = null;
    this.skipped = [];
    this.link = null;
    this.code = null;
    this.codeChange = 'opened';
    this.connected = true;
    this.receivers = [];
    this.#arrived = 0;
    this.codeError = null;
    this.error = null;
    this.#run += 1;
    return this.#run;
  }

  #update(receiver: ReceiverStatus): void {
    const known = this.receivers.find(({ id }) => id === receiver.id);
    if (known === undefined) this.#arrived += 1;
    const listed: ListedReceiver = { ...receiver, ordinal: known?.ordinal ?? this.#arrived };
    const all =
      known === undefined
        ? [...this.receivers, listed]
        : this.receivers.map((before) => (before === known ? listed : before));
    const lastEnded = new Set(all.filter(hasEnded).slice(-ENDED_RECEIVERS_LISTED));
    this.receivers = all.filter((each) => !hasEnded(each) || lastEnded.has(each));
  }
}

function hasEnded({ state }: ReceiverStatus): boolean {
  return state === 'done' || state === 'failed';
}
