import type { EntryId } from '#protocol/entry.ts';
import type { TransferError } from '#protocol/errors.ts';
import { parseLink } from '#protocol/handshake/link.ts';
import type { Platform } from '#transport/platform.ts';
import { openShare } from '#transport/receiving.ts';
import { shareIdOf } from '#transport/share-id.ts';
import type { TransferState, TransferStatus } from '#transport/transfer-status.ts';
import { type FileNode, OfferTree } from '../offer/offer-tree.ts';
import { chooseSink } from '../sinks/choose-sink.ts';
import {
  findHeld,
  forgetHeld,
  type HeldDelivery,
  heldDeliveryId,
  offeredAgain,
} from '../sinks/held-delivery.ts';
import type { MemoryShelf } from '../sinks/memory-shelf.ts';
import type { Download, PageSink } from '../sinks/page-sink.ts';
import { saveDownload } from '../sinks/save-download.ts';
import { hasPrivateFiles } from '../sinks/transfer-place.ts';
import { asTransferError } from './as-transfer-error.ts';
import { OfferChoice } from './offer-choice.svelte.ts';

type Receiving = Awaited<ReturnType<typeof openShare>>;

/** What was chosen, as a tree of its own. */
interface Taken {
  readonly tree: OfferTree;
  /** By the ids of that tree, those of the offer. */
  readonly ids: readonly EntryId[];
}

/** The share that this page receives from, from a link or a code to files in the downloads. */
export class ReceiveState {
  stage = $state<'none' | 'opening' | 'choosing' | 'receiving' | 'done' | 'failed'>('none');
  /** The link, once it is known, also where a code was typed. */
  link = $state<string | null>(null);
  status = $state.raw<TransferStatus | null>(null);
  choice = $state.raw<OfferChoice | null>(null);
  /** What an earlier run left here of this share. */
  held = $state.raw<HeldDelivery | null>(null);
  /** Whether the share offers less now than was chosen then. */
  offersLess = $state(false);
  taken = $state.raw<Taken | null>(null);
  failedFiles = $state.raw<TransferStatus['failedFiles']>([]);
  /** What was handed to the browser's downloads; after a failure, what arrived whole and could be. */
  download = $state.raw<Download | null>(null);
  /** Whether what is here outlives this page. */
  survivesReload = $state(true);
  /** After an interruption: whether anything arrived whole that could be saved by giving up the rest. */
  hasWholeFiles = $state(false);
  error = $state.raw<TransferError | null>(null);

  readonly #platform: Platform;
  readonly #serverUrl: string;
  readonly #shelf: MemoryShelf = new Map();
  #target = '';
  #receiving: Receiving | null = null;
  #sink: PageSink | null = null;
  /** When the sink before has let go of what it held. */
  #released: Promise<void> = Promise.resolve();
  /** Found out while the sender is met. */
  #hasPrivateFiles = Promise.resolve(false);
  /** Told apart from a share that was left: whatever still comes from that is ignored. */
  #run = 0;
  #cancelling = new AbortController();

  constructor(platform: Platform, serverUrl: string) {
    this.#platform = platform;
    this.#serverUrl = serverUrl;
  }

  get transferState(): TransferState {
    switch (this.stage) {
      case 'done':
        return this.failedFiles.length === 0 ? 'done' : 'failed';
      case 'failed':
        return 'failed';
      case 'choosing':
        return this.status?.state === 'reconnecting' ? 'reconnecting' : 'waiting';
      case 'receiving':
        return this.status?.state === 'reconnecting' ? 'reconnecting' : 'transferring';
      default:
        return this.status?.state === 'waiting' ? 'waiting' : 'connecting';
    }
  }

  /** Whether closing the page would break something off. */
  get busy(): boolean {
    return this.stage === 'receiving';
  }

  /** A code is typed anew for each try: every one of them is a guess given away to whoever runs the server. */
  get canRetry(): boolean {
    return this.link !== null || this.#target.includes('#');
  }

  get paused(): TransferStatus['paused'] {
    return (this.stage === 'receiving' && this.status?.paused) || { here: false, there: false };
  }

  /** @param target a link, or a code as it was typed */
  async open(target: string): Promise<void> {
    this.close();
    const run = this.#run;
    this.#target = target;
    this.stage = 'opening';
    const { signal } = this.#cancelling;
    try {
      const isLink = target.includes('#');
      // The disk is looked through while the sender is met.
      this.#hasPrivateFiles = hasPrivateFiles();
      const lookedForHeld = isLink ? this.#lookForHeld(target, run) : null;
      lookedForHeld?.catch(() => undefined);
      const receiving = await openShare({
        platform: this.#platform,
        serverUrl: this.#serverUrl,
        target,
        onStatus: (status) => {
          if (run !== this.#run) return;
          this.status = status;
          // The sender may leave while the person still chooses.
          if (status.error !== null && this.stage === 'choosing') this.#fail(status.error);
        },
        ...(isLink && { deliveryId: this.#heldDeliveryId(target) }),
        signal,
      });
      await lookedForHeld;
      if (run !== this.#run) return;
      this.#receiving = receiving;
      this.link = receiving.link;
      if (!isLink) await this.#lookForHeld(receiving.link, run);
      if (run === this.#run) this.#offer(receiving);
    } catch (thrown) {
      if (run === this.#run) this.#fail(thrown);
    }
  }

  /** Fetches what is chosen and hands it to the browser's downloads. */
  async save(): Promise<void> {
    if (this.choice !== null) await this.#accept(this.choice.tree.chosenIds());
  }

  /** Holds the transfer up, or lets it go on. */
  pause(paused: boolean): void {
    this.#receiving?.pause(paused);
  }

  pauseFile(file: FileNode, paused: boolean): void {
    const path = this.#pathOf(file);
    if (path !== undefined) this.#receiving?.pause(paused, path);
  }

  cancelFile(file: FileNode): void {
    const path = this.#pathOf(file);
    if (path !== undefined) this.#receiving?.cancelFile(path);
  }

  /** @param status as for `fileState` */
  filePaused(file: FileNode, status: TransferStatus | null): TransferStatus['paused'] {
    const path = this.#pathOf(file);
    return status?.pausedFiles.find((paused) => paused.path === path) ?? { here: false, there: false };
  }

  /** @param status makes who asks look again when it changes */
  fileState(file: FileNode, status: TransferStatus | null): 'under way' | 'arrived' | 'given up' {
    if (this.#sink?.hasCommitted(this.taken?.ids[file.id] ?? -1)) return 'arrived';
    const path = this.#pathOf(file);
    return status?.failedFiles.some((failed) => failed.path === path) ? 'given up' : 'under way';
  }

  /** Breaks the transfer off. What is here stays, until the person says otherwise. */
  stop(): void {
    this.#cancelling.abort();
  }

  async saveAgain(): Promise<void> {
    await this.#sink?.save().catch((thrown: unknown) => {
      this.error = asTransferError(thrown);
    });
  }

  /** After an interruption: hands over what arrived whole, and gives up the rest. */
  async saveWhole(): Promise<void> {
    const sink = this.#sink;
    await sink?.abort();
    if (sink === null || sink !== this.#sink) return;
    this.hasWholeFiles = false;
    this.held = null;
    await this.saveAgain();
    this.download = sink.download;
  }

  /** Takes nothing. */
  async decline(): Promise<void> {
    // Left before it is told: the end of a share that was declined is no failure to show, nor may it close a new one.
    const told = this.#receiving?.decline();
    this.close();
    await told?.catch(() => undefined);
  }

  async retry(): Promise<void> {
    await this.open(this.link ?? this.#target);
  }

  /** Throws away what is here of the share, and opens it as if for the first time. */
  async startOver(): Promise<void> {
    const target = this.link ?? this.#target;
    await this.forget();
    if (this.stage === 'none') await this.open(target);
  }

  /** Throws away what is here of the share, and leaves it. */
  async forget(): Promise<void> {
    const [target, sink] = [this.link ?? this.#target, this.#sink];
    this.#sink = null;
    this.close();
    const run = this.#run;
    try {
      await sink?.forget();
      if (target.includes('#')) await forgetHeld(await this.#shareIdOf(target), this.#shelf);
    } catch (thrown) {
      if (run === this.#run) this.#fail(thrown);
    }
  }

  /**
   * The page goes, and the view stays what a reload needs. A sender waits for a delivery that is kept; of any other it is
   * told that it is over, as far as that can be done at once.
   */
  farewell(): void {
    this.#run += 1;
    if (this.stage !== 'receiving' || !this.survivesReload) this.#cancelling.abort();
  }

  /** Leaves the share: what runs is broken off; what was gathered stays where it can. */
  close(): void {
    this.#run += 1;
    this.#cancelling.abort();
    this.#cancelling = new AbortController();
    this.#released = this.#sink?.release().catch(() => undefined) ?? this.#released;
    this.stage = 'none';
    this.link = null;
    this.status = null;
    this.choice = null;
    this.held = null;
    this.offersLess = false;
    this.taken = null;
    this.failedFiles = [];
    this.download = null;
    this.survivesReload = true;
    this.hasWholeFiles = false;
    this.error = null;
    this.#receiving = null;
    this.#sink = null;
  }

  #pathOf({ id }: FileNode): string | undefined {
    return this.#receiving?.offer.entries[this.taken?.ids[id] ?? -1]?.path;
  }

  #shareIdOf(link: string): Promise<string> {
    return shareIdOf(parseLink(link).k, this.#platform);
  }

  async #heldDeliveryId(link: string): Promise<string | null> {
    await this.#released;
    return heldDeliveryId(await this.#shareIdOf(link), this.#shelf);
  }

  async #lookForHeld(link: string, run: number): Promise<void> {
    // What this page itself has held is free by then.
    await this.#released;
    const held = await findHeld(await this.#shareIdOf(link), this.#shelf);
    if (run === this.#run) this.held = held;
  }

  /** What was chosen in an earlier run is gone on with; where it is not all there, the person is asked. */
  #offer({ offer }: Receiving): void {
    const tree = new OfferTree(offer.entries);
    const again = this.held === null ? null : offeredAgain(this.held, offer.entries);
    if (again?.isWhole) {
      void this.#accept([...again.ids]);
      return;
    }
    if (again !== null && again.ids.size > 0) tree.chooseOnly(again.ids);
    this.offersLess = again !== null;
    this.choice = new OfferChoice(tree);
    this.stage = 'choosing';
  }

  async #accept(ids: readonly EntryId[]): Promise<void> {
    const [receiving, run] = [this.#receiving, this.#run];
    if (receiving === null) return;
    const entries = ids.flatMap((id) => receiving.offer.entries[id] ?? []);
    this.taken = { tree: new OfferTree(entries), ids };
    this.stage = 'receiving';
    const storage = { hasPrivateFiles: await this.#hasPrivateFiles, shelf: this.#shelf };
    if (run !== this.#run) return;
    const sink = chooseSink(entries, storage, saveDownload);
    this.#sink = sink;
    this.survivesReload = sink.survivesReload;
    try {
      const { status, failed } = await receiving.accept(ids, sink);
      if (run !== this.#run) return;
      this.status = status;
      this.failedFiles = failed;
      this.download = sink.download;
      this.stage = 'done';
    } catch (thrown) {
      if (run !== this.#run) return;
      this.failedFiles = this.status?.failedFiles ?? [];
      this.download = sink.download;
      this.hasWholeFiles = sink.hasWholeFiles;
      await this.#lookForHeld(receiving.link, run);
      if (run === this.#run) this.#fail(thrown);
    }
  }

  #fail(thrown: unknown): void {
    this.error = asTransferError(thrown);
    this.stage = 'failed';
  }
}
