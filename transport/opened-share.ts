import type { Entry, EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import { sumSizes } from '#protocol/manifest.ts';
import { asTransferError } from './as-transfer-error.ts';
import { Delivery } from './delivery.ts';
import type { Meeting } from './first-lane.ts';
import { LAST_WORD_PATIENCE_MS, MEET_AGAIN_DELAY_MS } from './limits.ts';
import type { Platform } from './platform.ts';
import { ReceiveDriver } from './receive-driver.ts';
import { isRecoverable } from './recoverable.ts';
import { type Delivered, runDelivery } from './run-delivery.ts';
import { Search } from './search.ts';
import { shareIdOf } from './share-id.ts';
import type { Sink } from './sink.ts';
import type { TransferProgress } from './transfer-progress.ts';

/** What the sender offers, whole and checked, before a byte of any file has flowed. An entry's id is its index. */
export interface Offer {
  readonly entries: readonly Entry[];
  readonly files: number;
  readonly totalBytes: number;
}

/** A share as its receiver sees it, after the handshake. */
export interface Receiving {
  readonly offer: Offer;
  /** The share's link, also where a code was typed: what to open again after an interruption. */
  readonly link: string;
  /**
   * Fetches the chosen entries (ids; parents of chosen files need not be named) into the sink, over as many connections
   * as it takes. Once.
   * @throws TransferError when the transfer as a whole fails; the sink keeps what another run can go on with
   */
  accept(chosen: readonly EntryId[], sink: Sink): Promise<Delivered>;
  /** Holds the transfer up, or one file of it, or lets it go on; the sender is told. */
  pause(paused: boolean, path?: string): void;
  /** Gives one file up; the others go on, and the sender is told. */
  cancelFile(path: string): void;
  /** Takes nothing; the sender is told. */
  decline(): Promise<void>;
}

export interface OpenedShareOptions {
  readonly platform: Platform;
  readonly progress: TransferProgress;
  /** By which the sender knows this delivery, over all of its sessions. */
  readonly deliveryId: string;
  /** Meets the sender once more, in a handshake of its own. @throws TransferError */
  readonly meetAgain: (signal: AbortSignal) => Promise<Meeting>;
  readonly signal?: AbortSignal;
}

/** A share whose sender has been met, and is met again each time that the connection is lost. */
export class OpenedShare implements Receiving {
  readonly link: string;
  readonly offer: Offer;
  readonly #options: OpenedShareOptions;
  /** Made while the person chooses. */
  readonly #shareId: Promise<string>;
  #driver: ReceiveDriver;
  #delivery: Delivery | null = null;
  #paused = false;
  /** Under way while the session is silent or gone. */
  #search: Search | null = null;
  #metMs = Number.NEGATIVE_INFINITY;
  readonly #cancel = (): void => {
    this.#search?.stop();
    this.#driver.cancel();
  };

  /** Resolves when the first session has brought the manifest. @throws TransferError with which it ended before */
  static async open(link: string, meeting: Meeting, options: OpenedShareOptions): Promise<OpenedShare> {
    const { platform, progress, signal } = options;
    let share = null as OpenedShare | null;
    const { iceServers } = meeting;
    const driver = new ReceiveDriver(meeting.secure, { platform, iceServers }, progress, {
      onSilence: (silent) => {
        if (share) share.#onSilence(driver, silent);
      },
      onFrame: () => {
        if (share) share.#onFrame(driver);
      },
      onEnd: (error) => {
        if (share) share.#onEnd(driver, error);
      },
    });
    const cancel = () => driver.cancel();
    signal?.addEventListener('abort', cancel);
    if (signal?.aborted) cancel();
    driver.session.begin(meeting);
    try {
      const entries = await driver.offer;
      share = new OpenedShare(link, entries, meeting.secure.k, driver, options);
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
    signal?.addEventListener('abort', share.#cancel);
    // Ended by what came right behind the manifest.
    if (driver.failure) share.#onEnd(driver, driver.failure);
    return share;
  }

  private constructor(
    link: string,
    entries: readonly Entry[],
    k: Uint8Array,
    driver: ReceiveDriver,
    options: OpenedShareOptions,
  ) {
    this.link = link;
    this.offer = {
      entries,
      files: entries.filter(({ kind }) => kind === 'file').length,
      totalBytes: sumSizes(entries),
    };
    this.#shareId = shareIdOf(k, options.platform);
    this.#shareId.catch(() => {});
    this.#driver = driver;
    this.#options = options;
  }

  async accept(chosen: readonly EntryId[], sink: Sink): Promise<Delivered> {
    const { entries } = this.offer;
    const ids = [...new Set(chosen)];
    if (this.#delivery || ids.some((id) => !entries[id]))
      throw new TransferError('usage', 'chosen twice, or not offered');
    const delivery = new Delivery(
      ids.map((id) => ({ id, entry: entries[id] as Entry })),
      sink,
    );
    this.#delivery = delivery;
    const { progress, deliveryId } = this.#options;
    try {
      const names = { shareId: await this.#shareId, deliveryId };
      return await runDelivery(delivery, names, progress, () => this.#fetch(delivery));
    } catch (error) {
      const failure = asTransferError(error, 'sink-failed');
      void this.#driver.session.end(failure.code === 'disk-full' ? 'disk-full' : 'sink-failed', failure);
      throw error;
    } finally {
      this.#stopSearch();
      this.#options.signal?.removeEventListener('abort', this.#cancel);
    }
  }

  decline(): Promise<void> {
    const declined = new TransferError('declined');
    this.#stopSearch(declined);
    this.#options.progress.set({ state: 'failed', error: declined });
    return this.#driver.session.end('declined', declined);
  }

  pause(paused: boolean, path?: string): void {
    if (path === undefined) this.#paused = paused;
    else if (paused) this.#delivery?.paused.add(path);
    else this.#delivery?.paused.delete(path);
    this.#driver.pause(paused, path);
  }

  cancelFile(path: string): void {
    // Between two sessions it is the delivery's alone, and the next one does not ask for it.
    if (this.#driver.cancelFile(path)) return;
    this.#delivery?.fail(path, 'cancelled');
    this.#options.progress.set({});
  }

  /** Over one session after another, until everything is durable and the sender knows. */
  async #fetch(delivery: Delivery): Promise<void> {
    for (;;) {
      try {
        await this.#driver.fetch(delivery);
        return;
      } catch (error) {
        if (delivery.finished) return this.#tellFinished(delivery, error);
        if (this.#options.signal?.aborted) throw new TransferError('cancelled');
        if (!isRecoverable(error)) throw error;
        this.#options.progress.set({ state: 'reconnecting', lanes: 0 });
        await this.#meetAgain();
      }
    }
  }

  /** All is durable. That the sender learns of it is worth a moment, and no failure where it does not. */
  async #tellFinished(delivery: Delivery, error: unknown): Promise<void> {
    let isOver = false;
    const giveUp = () => {
      isOver = true;
      const unheard = new TransferError('connection-lost', 'the other side did not come back');
      this.#search?.stop(unheard);
      this.#driver.session.abort(unheard);
    };
    const timer = setTimeout(giveUp, LAST_WORD_PATIENCE_MS);
    try {
      for (let why = error; isRecoverable(why) && !isOver && !this.#options.signal?.aborted; ) {
        try {
          await this.#meetAgain();
          await this.#driver.fetch(delivery);
          return;
        } catch (cause) {
          why = cause;
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Goes on with what a search finds: the one that is under way, or a new one. */
  async #meetAgain(): Promise<void> {
    const search = this.#search ?? this.#beginSearch();
    try {
      this.#drive(await search.meeting);
    } finally {
      if (this.#search === search) this.#search = null;
    }
  }

  #drive(meeting: Meeting): void {
    const { secure, iceServers } = meeting;
    const { platform, progress } = this.#options;
    const driver = new ReceiveDriver(secure, { platform, iceServers }, progress, {
      onSilence: (silent) => this.#onSilence(driver, silent),
      onFrame: () => this.#onFrame(driver),
      onEnd: (error) => this.#onEnd(driver, error),
    });
    this.#driver = driver;
    this.#metMs = platform.nowMs();
    if (this.#paused) driver.pause(true);
    driver.session.begin(meeting);
  }

  /** The session is gone. While the person still chooses the sender is met again, or is gone for good. */
  #onEnd(driver: ReceiveDriver, error: TransferError): void {
    if (driver !== this.#driver || this.#delivery?.finished) return;
    const { progress, signal } = this.#options;
    if (!isRecoverable(error) || signal?.aborted) {
      progress.set({ state: 'failed', error: signal?.aborted ? new TransferError('cancelled') : error });
      return;
    }
    // Whoever fetches seeks another way.
    if (this.#delivery) return;
    progress.set({ state: 'reconnecting', lanes: 0 });
    const search = this.#beginSearch();
    search.meeting.then(
      (meeting) => {
        if (this.#search !== search || this.#delivery) return;
        this.#search = null;
        // Before it is taken up: it may be lost again by then.
        progress.set({ state: 'waiting' });
        this.#drive(meeting);
      },
      (cause) => {
        if (this.#search === search && !this.#delivery)
          progress.set({ state: 'failed', error: asTransferError(cause) });
      },
    );
  }

  /**
   * When nothing is heard another way is sought; what comes first, data or that way, is gone on with. A word alone shows too
   * little: on a lane whose way has come back SCTP may hold the data back for seconds, for its time-outs double.
   */
  #onSilence(driver: ReceiveDriver, silent: boolean): void {
    if (driver !== this.#driver || !this.#delivery || this.#delivery.finished) return;
    const { progress } = this.#options;
    const { state } = progress.status;
    if (!silent) {
      if (state === 'reconnecting') progress.set({ state: 'transferring' });
      if (driver.isPaused) this.#stopSearch();
      return;
    }
    if (state === 'transferring') progress.set({ state: 'reconnecting' });
    if (this.#search) return;
    const search = this.#beginSearch();
    search.meeting.then(
      () => {
        if (this.#search === search)
          driver.session.abort(new TransferError('connection-lost', 'another way was found'));
      },
      () => {
        // By the next silence things may have changed.
        if (this.#search === search && driver === this.#driver) this.#search = null;
      },
    );
  }

  #onFrame(driver: ReceiveDriver): void {
    if (driver === this.#driver && this.#search) this.#stopSearch();
  }

  #beginSearch(): Search {
    // One who is met and lost at once, over and over, is not met at the rate at which that is possible.
    const sinceMs = this.#options.platform.nowMs() - this.#metMs;
    const search = new Search(this.#options.meetAgain, MEET_AGAIN_DELAY_MS - sinceMs);
    this.#search = search;
    return search;
  }

  #stopSearch(why?: TransferError): void {
    this.#search?.stop(why);
    this.#search = null;
  }
}
