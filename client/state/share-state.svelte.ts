import { TransferError } from '#protocol/errors.ts';
import type { CodeChange } from '#transport/code-door.ts';
import type { Platform } from '#transport/platform.ts';
import { type ReceiverStatus, type Sharing, startSharing } from '#transport/sharing.ts';
import type { TransferState, TransferStatus } from '#transport/transfer-status.ts';
import { ENDED_RECEIVERS_LISTED } from '../limits.ts';
import { type FileNode, OfferTree } from '../offer/offer-tree.ts';
import { offerGathered } from '../sources/browser-file-source.ts';
import { gatherHandles } from '../sources/file-handles.ts';
import { Gathering, type Skipped } from '../sources/gathering.ts';
import { type Differences, differences } from '../sources/offered-again.ts';
import { asTransferError } from './as-transfer-error.ts';
import { type KeptShare, KeptShares } from './kept-shares.ts';

const OWNER_SEED_BYTES = 32;

/** A receiver as the page lists it. */
export interface ListedReceiver extends ReceiverStatus {
  /** 1 for who came first. */
  readonly ordinal: number;
}

export interface FilesOfTransfer {
  /** `idle`: already there, not asked for yet, or not chosen. */
  readonly stateOf: (file: FileNode) => 'under way' | 'given up' | 'idle';
  readonly pausedOf: (file: FileNode) => TransferStatus['paused'];
  /** How many files that are under way are held up by themselves. */
  readonly onHold: number;
}

const SAME: Differences = { changed: [], missing: [] };

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

  /** What this page, or one that is gone, offered before: to be gone on with. */
  kept = $state.raw<KeptShare | null>(null);
  /** How what is offered differs from that. */
  differences = $state.raw<Differences>(SAME);

  readonly #platform: Platform;
  readonly #serverUrl: string;
  readonly #keptShares = new KeptShares();
  #sharing: Sharing | null = null;
  /** Of what is offered, by the ids of its tree. */
  #paths: readonly string[] = [];
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

  /** Looks for a share that was interrupted. Where the browser keeps nothing there is none. */
  async recall(): Promise<void> {
    const run = this.#run;
    const kept = await this.#keptShares.recall(Date.now()).catch(() => null);
    if (run === this.#run) this.kept = kept;
    else this.#keptShares.letGo();
  }

  /** Goes on with the share that was interrupted, where the browser still has hold of its files. */
  async goOn(): Promise<void> {
    const handles = this.kept?.handles;
    if (handles) await this.offer((gathering) => gatherHandles(gathering, handles), Promise.resolve(handles));
  }

  async forgetKept(): Promise<void> {
    this.kept = null;
    await this.#keptShares.forget().catch(() => undefined);
  }

  /**
   * If anything of it was offered before the page was reloaded, it is the same share at the same link.
   *
   * @param gather fills in what is offered; folders take their time
   * @param handles of the same, where the browser lets a page keep hold of it
   */
  async offer(
    gather: (gathering: Gathering) => void | Promise<void>,
    handles: Promise<readonly FileSystemHandle[] | null> = Promise.resolve(null),
  ): Promise<void> {
    const kept = this.kept;
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
      this.#paths = source.entries.map(({ path }) => path);
      this.stage = 'starting';
      const differs = kept === null ? null : differences(kept.entries, source.entries);
      this.differences = differs ?? SAME;
      if (kept !== null && differs === null) this.#keptShares.letGo();
      const ownerSeed = (differs && kept?.ownerSeed) ?? this.#platform.randomBytes(OWNER_SEED_BYTES);
      const sharing = await startSharing({
        platform: this.#platform,
        serverUrl: this.#serverUrl,
        source,
        ownerSeed,
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
      this.kept = null;
      const record = { ownerSeed, entries: source.entries, keptMs: Date.now(), handles: await handles };
      // Where the browser keeps nothing, the link ends with the page.
      if (run === this.#run) await this.#keptShares.keep(record).catch(() => undefined);
      if (run !== this.#run) await this.#keptShares.forget().catch(() => undefined);
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

  /** Holds one receiver's transfer up, or one file of it, or lets it go on. */
  pause(receiverId: string, paused: boolean, file?: FileNode): void {
    this.#sharing?.pause(receiverId, paused, file && this.#paths[file.id]);
  }

  /** Ends one receiver's transfer, or gives up one file of it. */
  cancel(receiverId: string, file?: FileNode): void {
    this.#sharing?.cancel(receiverId, file && this.#paths[file.id]);
  }

  /** Where single files stand in one receiver's transfer, to be asked about each that is shown. */
  filesOf({ id, failedFiles, pausedFiles }: ReceiverStatus): FilesOfTransfer {
    const underWay = this.#sharing?.underWay(id) ?? new Set();
    const failed = new Set(failedFiles.map(({ path }) => path));
    const paused = new Map(pausedFiles.map((file) => [file.path, file]));
    const pathOf = (file: FileNode) => this.#paths[file.id] ?? '';
    return {
      stateOf: (file) => {
        if (failed.has(pathOf(file))) return 'given up';
        return underWay.has(pathOf(file)) ? 'under way' : 'idle';
      },
      pausedOf: (file) => paused.get(pathOf(file)) ?? { here: false, there: false },
      onHold: pausedFiles.filter(({ path }) => underWay.has(path)).length,
    };
  }

  /** Ends the share; its receivers are told. */
  async stop(): Promise<void> {
    const sharing = this.#sharing;
    const wasSharing = this.stage === 'sharing';
    this.#begin();
    this.stage = 'none';
    if (wasSharing) await this.forgetKept();
    await sharing?.close();
  }

  /**
   * The page goes. Receivers of a share that is kept wait for it to come back; others are told, as far as that can be done
   * at once.
   */
  farewell(): void {
    if (!this.#keptShares.keeps) void this.#sharing?.close();
  }

  get #mirrored(): ListedReceiver | undefined {
    return this.receivers.findLast(({ state }) => state === 'transferring') ?? this.receivers.at(-1);
  }

  #begin(): number {
    this.stage = 'gathering';
    this.#sharing = null;
    this.entriesFound = 0;
    this.offered = null;
    this.#paths = [];
    this.skipped = [];
    this.differences = SAME;
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
