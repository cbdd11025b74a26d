import { TransferError } from '#protocol/errors.ts';
import { endMeeting, type Meeting } from './first-lane.ts';
import { MEET_AGAIN_DELAY_MS } from './limits.ts';
import { isRecoverable } from './recoverable.ts';

/** Tries to meet a peer again, until it has, it is stopped, or there is nobody to be met any more. */
export class Search {
  readonly meeting: Promise<Meeting>;
  readonly #stopping = new AbortController();

  /**
   * @param attempt rejects with the reason of a signal that aborts
   * @param delayMs before the first attempt
   */
  constructor(attempt: (signal: AbortSignal) => Promise<Meeting>, delayMs: number) {
    this.meeting = this.#run(attempt, delayMs);
    // Whoever never comes to await it must not end the process by that.
    this.meeting.catch(() => {});
  }

  /** Also for a search that has found what nobody took up: that lane is closed. */
  stop(why = new TransferError('cancelled')): void {
    this.#stopping.abort(why);
    this.meeting.then(endMeeting, () => {});
  }

  async #run(attempt: (signal: AbortSignal) => Promise<Meeting>, delayMs: number): Promise<Meeting> {
    const { signal } = this.#stopping;
    for (let waitMs = delayMs; ; waitMs = MEET_AGAIN_DELAY_MS) {
      if (waitMs > 0) await pause(waitMs, signal);
      if (signal.aborted) throw signal.reason;
      try {
        return await attempt(signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (!isRecoverable(error)) throw error;
      }
    }
  }
}

/** Waits so long, or until the signal aborts. However often that is, nothing of it stays at the signal. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  let wake = () => {};
  const woken = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const timer = setTimeout(wake, ms);
  signal.addEventListener('abort', wake);
  await woken;
  clearTimeout(timer);
  signal.removeEventListener('abort', wake);
}
