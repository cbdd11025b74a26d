import { errorText } from '#protocol/error-text.ts';
import type { TransferStatus } from '#transport/transfer-status.ts';
import type { Output } from './events.ts';
import { sayFailure } from './failure.ts';

/** Turns the snapshots of one transfer into events: each session, progress, failed file, and the end, once. */
export class TransferEvents {
  readonly #output: Output;
  readonly #receiver: { receiver?: string };
  /** Where files are saved, on the receiving side. */
  readonly #folder: { folder?: string };
  #route: TransferStatus['route'] = null;
  #begun = false;
  #failedSaid = 0;
  #changedSaid = 0;
  #away = false;
  #paused: TransferStatus['paused'] = { here: false, there: false };
  #lanes = 0;
  #ended = false;
  #delivered = false;

  constructor(output: Output, about: { receiver?: string; folder?: string }) {
    this.#output = output;
    const { receiver, folder } = about;
    this.#receiver = receiver === undefined ? {} : { receiver };
    this.#folder = folder === undefined ? {} : { folder };
  }

  /** Whether the receiver has chosen. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Whether the end has been said. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the receiver has everything that it chose. */
  get delivered(): boolean {
    return this.#delivered;
  }

  /** Whether it has chosen, and has not everything. */
  get unfinished(): boolean {
    return this.#begun && !this.#delivered;
  }

  take(status: TransferStatus): void {
    if (this.#ended) return;
    this.#lanes = Math.max(this.#lanes, status.lanes);
    this.#sayConnection(status);
    this.#sayPaused(status);
    if (status.state === 'transferring' || status.state === 'done') this.#follow(status);
    this.#sayFailed(status);
    this.#sayChanged(status);
    if (status.state === 'done') this.#sayDone(status);
    if (status.state === 'failed') this.#sayError(status);
  }

  #follow(status: TransferStatus): void {
    const { route, rttMs, bytes, totalBytes, wireBytes, bytesPerSecond, secondsLeft, lanes } = status;
    this.#begun = true;
    // Not known yet where a choice is made at once.
    if (route !== null && route !== this.#route) {
      this.#route = route;
      this.#output.say({ event: 'session', route, rttMs, ...this.#receiver });
    }
    const progress = { bytes, totalBytes, wireBytes, bytesPerSecond, secondsLeft, lanes };
    this.#output.say({ event: 'progress', ...progress, ...this.#receiver });
  }

  #sayConnection({ state, bytes, totalBytes }: TransferStatus): void {
    const isAway = state === 'reconnecting';
    const isBack = this.#away && (state === 'transferring' || state === 'done');
    if (isAway && !this.#away)
      this.#output.say({ event: 'reconnecting', bytes, totalBytes, ...this.#receiver });
    if (isBack) this.#output.say({ event: 'reconnected', bytes, totalBytes, ...this.#receiver });
    if (isAway || isBack) this.#away = isAway;
  }

  #sayPaused({ state, paused: { here, there } }: TransferStatus): void {
    if (state === 'done' || state === 'failed') return;
    if (here === this.#paused.here && there === this.#paused.there) return;
    this.#paused = { here, there };
    this.#output.say({ event: 'paused', here, there, ...this.#receiver });
  }

  #sayChanged({ changedFiles }: TransferStatus): void {
    for (const path of changedFiles.slice(this.#changedSaid))
      this.#output.say({ event: 'changed', path, ...this.#receiver });
    this.#changedSaid = changedFiles.length;
  }

  #sayFailed({ failedFiles }: TransferStatus): void {
    for (const { path, code } of failedFiles.slice(this.#failedSaid)) {
      this.#output.say({ event: 'failed', path, code, message: errorText(code), ...this.#receiver });
    }
    this.#failedSaid = failedFiles.length;
  }

  #sayDone({ bytes, wireBytes, files, seconds, route }: TransferStatus): void {
    this.#ended = true;
    this.#delivered = true;
    const figures = { bytes, wireBytes, files, seconds, route, lanes: this.#lanes };
    this.#output.say({ event: 'done', ...figures, ...this.#folder, ...this.#receiver });
  }

  #sayError({ error, failedFiles, files }: TransferStatus): void {
    this.#ended = true;
    const [first] = failedFiles;
    const saved = files - failedFiles.length;
    // Files failed, and not the transfer: it ends with the first one's code, and no detail of its own.
    const isPartial = error?.code === first?.code && error?.message === error?.code && saved > 0;
    if (!first || !isPartial) {
      sayFailure(this.#output, error, this.#receiver.receiver);
      return;
    }
    const message = `${saved} of ${files} files are verified and on disk; the others failed.`;
    this.#output.say({ event: 'error', code: first.code, message, ...this.#receiver });
  }
}
