import type { EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import type { Manifest } from '#protocol/manifest.ts';
import { asTransferError } from './as-transfer-error.ts';
import type { FileSource } from './file-source.ts';
import { endMeeting, type Meeting } from './first-lane.ts';
import { MAX_ABSENT_RECEIVERS, MAX_RECEIVERS, MAX_SHARE_LANES } from './limits.ts';
import type { Platform } from './platform.ts';
import { SendDriver } from './send-driver.ts';
import type { ReceiverStatus } from './sharing.ts';
import { TransferProgress } from './transfer-progress.ts';

export interface PlacesOptions {
  readonly platform: Platform;
  readonly manifest: Manifest;
  readonly source: FileSource;
  readonly onReceiver: (receiver: ReceiverStatus) => void;
  /** A receiver has fallen silent, and may be on its way back. */
  readonly onSilent: () => void;
}

/** Where a receiver is served, session after session. */
interface Place {
  readonly progress: TransferProgress;
  /** Null while it is away. */
  driver: SendDriver | null;
  /** Those being made, and those not quite over, with the one served. None: it is away. */
  sessions: number;
  /** What each session is told anew. */
  paused: boolean;
  readonly pausedFiles: Set<EntryId>;
  readonly cancelledFiles: Set<EntryId>;
  /** What a session had yet to bring when it ended. */
  left: ReadonlySet<EntryId>;
  /** Still to be told so. */
  cancelled: boolean;
}

/** The receivers of a share: each has a place, by its delivery, that is kept for it while it is away. */
export class Places {
  readonly #options: PlacesOptions;
  readonly #places = new Map<string, Place>();
  #sessions = 0;
  #closed = false;

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /** Whether another session can be served. */
  get hasRoom(): boolean {
    return !this.#closed && this.#sessions < MAX_RECEIVERS;
  }

  /** One session with a receiver, from its proof to its end. Never rejects. */
  async serve(deliveryId: string, meeting: Promise<Meeting>): Promise<void> {
    const place = this.#placeOf(deliveryId);
    this.#sessions += 1;
    place.sessions += 1;
    try {
      await this.#deliver(place, await meeting);
    } catch (error) {
      // One that is served, or met, another way needed no other; one that is away for a while may try again.
      if (place.sessions === 1 && place.progress.status.state !== 'reconnecting')
        place.progress.set({ state: 'failed', error: asTransferError(error) });
    } finally {
      this.#sessions -= 1;
      place.sessions -= 1;
      if (place.sessions === 0) this.#leave(deliveryId, place);
    }
  }

  /** Holds one receiver's transfer up, or one file of it, or lets it go on; it is told, or will be when it is back. */
  pause(deliveryId: string, paused: boolean, path?: string): void {
    const place = this.#places.get(deliveryId);
    const entry = this.#idOf(path);
    if (!place || entry === null) return;
    if (entry === undefined) place.paused = paused;
    else if (paused) place.pausedFiles.add(entry);
    else place.pausedFiles.delete(entry);
    if (place.driver) place.driver.pause(paused, entry);
    else this.#showPauses(place);
  }

  /** Ends one receiver's transfer, or gives up one file of it; it is told, or will be when it is back. */
  cancel(deliveryId: string, path?: string): void {
    const place = this.#places.get(deliveryId);
    const entry = this.#idOf(path);
    if (!place || entry === null || hasEnded(place)) return;
    if (entry !== undefined) {
      place.cancelledFiles.add(entry);
      place.driver?.cancelFile(entry);
      place.progress.set({});
      return;
    }
    place.cancelled = true;
    const cancelled = new TransferError('cancelled');
    void place.driver?.session.end('cancelled', cancelled);
    place.progress.set({ state: 'failed', error: cancelled });
  }

  /** Paths of the files that a receiver waits for now, or waited for when it was lost. */
  underWay(deliveryId: string): ReadonlySet<string> {
    const place = this.#places.get(deliveryId);
    if (!place || hasEnded(place)) return new Set();
    const { driver, left, cancelledFiles } = place;
    const entries = driver?.hasChosen ? driver.underWay : [...left].filter((id) => !cancelledFiles.has(id));
    return new Set(Array.from(entries, (id) => this.#pathOf(id)));
  }

  /** Ends every session and tells the receivers so. No other is served. */
  async close(): Promise<void> {
    this.#closed = true;
    const cancelled = new TransferError('cancelled');
    const places = [...this.#places.values()];
    await Promise.all(places.map(({ driver }) => driver?.session.end('cancelled', cancelled)));
    for (const { progress } of places) progress.set({ state: 'failed', error: cancelled });
  }

  async #deliver(place: Place, meeting: Meeting): Promise<void> {
    const { secure, iceServers } = meeting;
    if (this.#closed) {
      endMeeting(meeting);
      throw new TransferError('cancelled');
    }
    const { platform, manifest, source, onSilent } = this.#options;
    const earlier = place.driver;
    const mostLanes = Math.max(1, Math.floor(MAX_SHARE_LANES / this.#sessions));
    const driver = new SendDriver(secure, { platform, iceServers }, manifest, source, place.progress, {
      onSilent,
      mostLanes,
    });
    place.driver = driver;
    earlier?.giveWay();
    driver.session.begin(meeting);
    if (place.paused) driver.pause(true);
    for (const entry of place.pausedFiles) driver.pause(true, entry);
    for (const entry of place.cancelledFiles) driver.cancelFile(entry);
    if (place.cancelled) void driver.session.end('cancelled', new TransferError('cancelled'));
    await driver.session.closed;
    if (driver.hasChosen) place.left = driver.underWay;
    // Whoever has heard it, and comes again, is served anew.
    if (driver.session.tookLeave) place.cancelled = false;
    if (place.driver === driver) place.driver = null;
  }

  /** While a receiver is away only this side holds anything up. */
  #showPauses({ progress, paused, pausedFiles }: Place): void {
    progress.set({ paused: { here: paused, there: false } });
    const list = Array.from(pausedFiles, (id) => ({ path: this.#pathOf(id), here: true, there: false }));
    progress.followPausedFiles(() => list);
  }

  /** @returns null for what is no file of the share */
  #idOf(path: string | undefined): EntryId | undefined | null {
    if (path === undefined) return undefined;
    const id = this.#options.manifest.entries.findIndex((entry) => entry.path === path);
    return this.#options.manifest.entries[id]?.kind === 'file' ? id : null;
  }

  #pathOf(id: EntryId): string {
    return this.#options.manifest.entries[id]?.path ?? '';
  }

  #placeOf(deliveryId: string): Place {
    const known = this.#places.get(deliveryId);
    // One that was cancelled while it was away has still to be told.
    if (known && (known.cancelled || !hasEnded(known))) return known;
    const { platform, onReceiver } = this.#options;
    const progress = new TransferProgress(
      () => platform.nowMs(),
      (status) => onReceiver({ ...status, id: deliveryId }),
    );
    const place: Place = {
      progress,
      driver: null,
      sessions: 0,
      paused: false,
      pausedFiles: new Set(),
      cancelledFiles: new Set(),
      left: new Set(),
      cancelled: false,
    };
    this.#places.set(deliveryId, place);
    progress.set({ state: 'connecting' });
    return place;
  }

  /** The last session of a delivery is over. One that may come back is remembered, as long as few have left after it. */
  #leave(deliveryId: string, place: Place): void {
    if (this.#places.get(deliveryId) !== place) return;
    this.#places.delete(deliveryId);
    if (place.progress.status.state !== 'reconnecting' && !place.cancelled) return;
    this.#places.set(deliveryId, place);
    const absent = [...this.#places].filter(([, { sessions }]) => sessions === 0);
    for (const [longestGone, { progress }] of absent.slice(0, -MAX_ABSENT_RECEIVERS)) {
      this.#places.delete(longestGone);
      const error = new TransferError('connection-lost', 'it did not come back');
      progress.set({ state: 'failed', error });
    }
  }
}

function hasEnded({ progress }: Place): boolean {
  const { state } = progress.status;
  return state === 'done' || state === 'failed';
}
