import { QUICK_CALL_MS, SLOW_CALLS, SLOWNESS_MS } from './limits.ts';

/**
 * Where the calls to a disk for small files are made. A call that is answered from memory takes some microseconds, handing
 * it to another thread and back ten times that; so it is made in this thread as long as the disk is quick. When calls take
 * longer, those that follow go to the other threads, so that a slow disk holds up nothing else.
 */
export class QuickCalls {
  readonly #nowMs: () => number;
  /** By how much calls took longer than quick ones would have. */
  #lateMs = 0;
  /** Calls still to be made in other threads. */
  #slowCalls = 0;

  /** @param nowMs of a monotonic clock */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /**
   * Makes one call.
   * @param here makes it in this thread
   * @param elsewhere makes the same in another
   */
  call<T>(here: () => T, elsewhere: () => Promise<T>): T | Promise<T> {
    if (this.#slowCalls > 0) {
      this.#slowCalls -= 1;
      return elsewhere();
    }
    const startedMs = this.#nowMs();
    try {
      return here();
    } finally {
      this.#took(this.#nowMs() - startedMs);
    }
  }

  /** One that had to wait for its turn at the processor makes up for it soon. */
  #took(ms: number): void {
    this.#lateMs = Math.max(0, this.#lateMs + ms - QUICK_CALL_MS);
    if (this.#lateMs <= SLOWNESS_MS) return;
    this.#lateMs = 0;
    this.#slowCalls = SLOW_CALLS;
  }
}
