import type { TransferError } from '#protocol/errors.ts';
import type { Receiving } from '#transport/opened-share.ts';
import type { Platform } from '#transport/platform.ts';
import { openShare } from '#transport/receiving.ts';
import type { Delivered } from '#transport/run-delivery.ts';
import type { TransferState, TransferStatus } from '#transport/transfer-status.ts';
import { OfferTree } from '../offer/offer-tree.ts';
import { chooseSink } from '../sinks/choose-sink.ts';
import type { MemoryShelf } from '../sinks/memory-shelf.ts';
import type { Download, PageSink } from '../sinks/page-sink.ts';
import { saveDownload } from '../sinks/save-download.ts';
import { hasPrivateFiles } from '../sinks/transfer-place.ts';
import { asTransferError } from './as-transfer-error.ts';
import { OfferChoice } from './offer-choice.svelte.ts';

/** The share that this page receives from, from a link or a code to files in the downloads. */
export class ReceiveState {
  stage = $state<'none' | 'opening' | 'choosing' | 'receiving' | 'done' | 'failed'>('none');
  /** The link, once it is known, also where a code was typed. */
  link = $state<string | null>(null);
  status = $state.raw<TransferStatus | null>(null);
  choice = $state.raw<OfferChoice | null>(null);
  failedFiles = $state.raw<Delivered['failed']>([]);
  /** What was handed to the browser's downloads; after a failure, what arrived whole and could be. */
  download = $state.raw<Download | null>(null);
  error = $state.raw<TransferError | null>(null);

  readonly #platform: Platform;
  readonly #serverUrl: string;
  #target = '';
  #receiving: Receiving | null = null;
  #sink: PageSink | null = null;
  readonly #shelf: MemoryShelf = new Map();
  /** Aborted when its share is left: whatever still comes from it is ignored. */
  #leaving = new AbortController();

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
        return 'waiting';
      case 'receiving':
        return this.status?.state === 'connecting' ? 'connecting' : 'transferring';
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

  /** @param target a link, or a code as it was typed */
  async open(target: string): Promise<void> {
    this.close();
    this.#target = target;
    this.stage = 'opening';
    const { signal } = this.#leaving;
    try {
      const receiving = await openShare({
        platform: this.#platform,
        serverUrl: this.#serverUrl,
        target,
        onStatus: (status) => {
          if (signal.aborted) return;
          this.status = status;
          // The sender may leave while the person still chooses.
          if (status.error !== null && this.stage === 'choosing') this.#fail(status.error);
        },
        signal,
      });
      if (signal.aborted) return;
      this.#receiving = receiving;
      this.link = receiving.link;
      this.choice = new OfferChoice(new OfferTree(receiving.offer.entries));
      this.stage = 'choosing';
    } catch (thrown) {
      if (!signal.aborted) this.#fail(thrown);
    }
  }

  /** Fetches what is chosen and hands it to the browser's downloads. */
  async save(): Promise<void> {
    if (this.#receiving === null || this.choice === null) return;
    const { signal } = this.#leaving;
    const ids = this.choice.tree.chosenIds();
    const { entries } = this.#receiving.offer;
    const storage = { hasPrivateFiles: await hasPrivateFiles(), shelf: this.#shelf };
    if (signal.aborted) return;
    const sink = chooseSink(
      ids.flatMap((id) => entries[id] ?? []),
      storage,
      saveDownload,
    );
    this.#sink = sink;
    this.stage = 'receiving';
    try {
      const delivery = await this.#receiving.accept(ids, sink);
      if (signal.aborted) return;
      this.status = delivery.status;
      this.failedFiles = delivery.failed;
      this.download = sink.download;
      this.stage = 'done';
    } catch (thrown) {
      if (signal.aborted) return;
      this.failedFiles = this.status?.failedFiles ?? [];
      this.download = sink.download;
      this.#fail(thrown);
    }
  }

  async saveAgain(): Promise<void> {
    await this.#sink?.save().catch((thrown: unknown) => {
      this.error = asTransferError(thrown);
    });
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

  /** The page goes: the sender is told as far as that can be done at once, and the view stays what a reload needs. */
  farewell(): void {
    this.#leaving.abort();
  }

  /** Leaves the share: what runs is cancelled, what was gathered is freed. */
  close(): void {
    this.#leaving.abort();
    this.#leaving = new AbortController();
    void this.#sink?.release();
    this.stage = 'none';
    this.link = null;
    this.status = null;
    this.choice = null;
    this.failedFiles = [];
    this.download = null;
    this.error = null;
    this.#receiving = null;
    this.#sink = null;
  }

  #fail(thrown: unknown): void {
    this.error = asTransferError(thrown);
    this.stage = 'failed';
  }
}
