import { TransferError } from '#protocol/errors.ts';
import { MEET_AGAIN_DELAY_MS } from './limits.ts';
import { isRecoverable } from './recoverable.ts';

/** Tries to meet a peer again, until it has, it is stopped, or there is nobody to be met any more. */
export class Search<Meeting> {
  readonly meeting: Promise<Meeting>;
  readonly #stopping = new AbortController();

  /** @param attempt rejects with the reason of a signal that aborts */
  constructor(attempt: (signal: AbortSignal) => Promise<Meeting>) {
    this.meeting = this.#run(attempt);
    // Whoever never comes to await it must not end the process by that.
    this.meeting.catch(() => {});
  }

  stop(why = new TransferError('cancelled')): void {
    this.#stopping.abort(why);
  }

  async #run(attempt: (signal: AbortSignal) => Promise<Meeting>): Promise<Meeting> {
    const { signal } = this.#stopping;
    for (;;) {
      try {
        return await attempt(signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (!isRecoverable(error)) throw error;
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, MEET_AGAIN_DELAY_MS);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve();
        });
      });
      if (signal.aborted) throw signal.reason;
    }
  }
}
