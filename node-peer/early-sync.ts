import { EARLY_SYNC_BYTES } from './limits.ts';

/**
 * Has the disk begin, while a large file still arrives, with what everybody would wait for at its end. One sync at a time;
 * what it says is kept, since the system tells of a failed write only once.
 */
export class EarlySync {
  readonly #sync: () => Promise<void>;
  #unsyncedBytes = 0;
  #last: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /** So many bytes more have been written. */
  wrote(bytes: number): void {
    this.#unsyncedBytes += bytes;
    if (this.#unsyncedBytes < EARLY_SYNC_BYTES || this.#last) return;
    this.#unsyncedBytes = 0;
    this.#last = this.#sync()
      .catch((error: unknown) => {
        this.#failure = { error };
      })
      .finally(() => {
        this.#last = null;
      });
  }

  /** Nothing is under way. @throws what a sync failed with */
  async settle(): Promise<void> {
    await this.#last;
    if (this.#failure) throw this.#failure.error;
  }
}
