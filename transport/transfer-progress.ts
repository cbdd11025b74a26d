import type { FileFailure } from '#protocol/control-message.ts';
import { COUNTS_INTERVAL_MS, STATUS_INTERVAL_MS } from './limits.ts';
import type { PausedFile, TransferStatus } from './transfer-status.ts';

/** Over how long speed is averaged: long enough to read, short enough to follow the network. */
const SPEED_WINDOW_MS = 5_000;

/** A transfer of which nothing is known yet. */
export const AT_START: TransferStatus = {
  state: 'connecting',
  route: null,
  rttMs: null,
  lanes: 0,
  files: 0,
  filesDone: 0,
  bytes: 0,
  totalBytes: 0,
  wireBytes: 0,
  bytesPerSecond: null,
  secondsLeft: null,
  seconds: 0,
  failedFiles: [],
  changedFiles: [],
  paused: { here: false, there: false },
  pausedFiles: [],
  error: null,
};

/** What grows with every frame. */
function onlyCounts({ bytes, wireBytes, filesDone, ...others }: Partial<TransferStatus>): boolean {
  const some = bytes ?? wireBytes ?? filesDone;
  return some !== undefined && Object.keys(others).length === 0;
}

/** Turns what drivers note into snapshots for people: a change of state at once, everything else a few times a second. */
export class TransferProgress {
  readonly #nowMs: () => number;
  readonly #onStatus: (status: TransferStatus) => void;
  #status: TransferStatus = AT_START;
  #startedMs: number | null = null;
  #samples: { atMs: number; bytes: number }[] = [];
  #due: { readonly timer: ReturnType<typeof setTimeout>; readonly atMs: number } | null = null;
  #failures: { readonly size: number; list(): TransferStatus['failedFiles'] } = { size: 0, list: () => [] };
  #failuresListed = 0;
  #changed: ReadonlySet<string> = new Set();
  #listPaused: () => readonly PausedFile[] = () => [];
  #said = false;

  constructor(nowMs: () => number, onStatus: (status: TransferStatus) => void) {
    this.#nowMs = nowMs;
    this.#onStatus = onStatus;
  }

  get status(): TransferStatus {
    return this.#status;
  }

  /**
   * Books on the files given up: read when a snapshot is due, since every file of a share may fail. Those of an earlier
   * session's books stay.
   */
  followFailures<Key>(failed: ReadonlyMap<Key, FileFailure>, pathOf: (key: Key) => string): void {
    const earlier = new Map(this.failures.map((failure) => [failure.path, failure]));
    this.#failuresListed = -1;
    this.#failures = {
      get size() {
        return earlier.size + failed.size;
      },
      list: () => {
        const now = Array.from(failed, ([key, code]) => ({ path: pathOf(key), code }));
        return [...new Map([...earlier, ...now.map((failure) => [failure.path, failure] as const)]).values()];
      },
    };
  }

  /** Every file given up so far. */
  get failures(): TransferStatus['failedFiles'] {
    return this.#failures.list();
  }

  /** Paths of the files that changed at the sender between two sessions. */
  followChanges(changed: ReadonlySet<string>): void {
    this.#changed = changed;
  }

  /** Files held up: listed when a snapshot is due, since every file of a share may be. An earlier session's hold no more. */
  followPausedFiles(list: () => readonly PausedFile[]): void {
    this.#listPaused = list;
    this.set({});
  }

  /** File data crossed the network. */
  addWireBytes(bytes: number): void {
    this.#startedMs ??= this.#nowMs();
    this.set({ wireBytes: this.#status.wireBytes + bytes });
  }

  set(change: Partial<TransferStatus>): void {
    const before = this.#status;
    // The end is the end: what still trickles in changes nothing.
    if (before.state === 'done' || before.state === 'failed') return;
    this.#status = { ...before, ...change };
    const isNews = change.state !== undefined && (change.state !== before.state || !this.#said);
    if (isNews) this.#emit();
    else this.#emitIn(onlyCounts(change) ? COUNTS_INTERVAL_MS : STATUS_INTERVAL_MS);
  }

  #emitIn(ms: number): void {
    const atMs = this.#nowMs() + ms;
    if (this.#due && this.#due.atMs <= atMs) return;
    clearTimeout(this.#due?.timer);
    this.#due = { timer: setTimeout(() => this.#emit(), ms), atMs };
  }

  #emit(): void {
    clearTimeout(this.#due?.timer);
    this.#due = null;
    this.#said = true;
    this.#listFiles();
    this.#measure();
    this.#onStatus(this.#status);
  }

  #listFiles(): void {
    if (this.#failures.size !== this.#failuresListed)
      this.#status = { ...this.#status, failedFiles: this.failures };
    this.#failuresListed = this.#failures.size;
    if (this.#changed.size !== this.#status.changedFiles.length)
      this.#status = { ...this.#status, changedFiles: [...this.#changed] };
    const pausedFiles = this.#listPaused();
    if (pausedFiles.length + this.#status.pausedFiles.length > 0)
      this.#status = { ...this.#status, pausedFiles };
  }

  #measure(): void {
    if (this.#startedMs === null) return;
    const atMs = this.#nowMs();
    const { bytes, totalBytes, state } = this.#status;
    const seconds = (atMs - this.#startedMs) / 1000;
    if (state !== 'transferring') {
      this.#samples = [];
      const secondsLeft = state === 'done' ? 0 : null;
      // At the end the last speed stands; while nothing can flow there is none.
      const bytesPerSecond = state === 'reconnecting' ? null : this.#status.bytesPerSecond;
      this.#status = { ...this.#status, seconds, secondsLeft, bytesPerSecond };
      return;
    }
    this.#samples.push({ atMs, bytes });
    while (this.#samples.length > 2 && atMs - (this.#samples[0]?.atMs ?? atMs) > SPEED_WINDOW_MS)
      this.#samples.shift();
    const oldest = this.#samples[0];
    const elapsedMs = oldest ? atMs - oldest.atMs : 0;
    const bytesPerSecond = oldest && elapsedMs >= 200 ? ((bytes - oldest.bytes) / elapsedMs) * 1000 : null;
    const secondsLeft = bytesPerSecond ? (totalBytes - bytes) / bytesPerSecond : null;
    this.#status = { ...this.#status, seconds, bytesPerSecond, secondsLeft };
  }
}
