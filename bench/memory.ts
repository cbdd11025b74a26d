import { readdir, readFile } from 'node:fs/promises';

const SAMPLE_EVERY_MS = 200;

/** Follows processes and their children, and keeps the peak of the anonymous memory that they hold together (Linux). */
export class MemoryWatch {
  readonly #roots: readonly number[];
  readonly #timer: ReturnType<typeof setInterval>;
  #peakBytes = 0;

  constructor(roots: readonly number[]) {
    this.#roots = roots;
    this.#timer = setInterval(() => void this.#sample(), SAMPLE_EVERY_MS);
  }

  /** Ends the watch. @returns the peak, in bytes */
  stop(): number {
    clearInterval(this.#timer);
    return this.#peakBytes;
  }

  async #sample(): Promise<void> {
    const parents = new Map<number, number>();
    const anonymous = new Map<number, number>();
    for (const name of await readdir('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const status = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '');
      parents.set(Number(name), Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0));
      anonymous.set(Number(name), Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024);
    }
    const isOurs = (pid: number | undefined): boolean =>
      pid !== undefined && pid > 1 && (this.#roots.includes(pid) || isOurs(parents.get(pid)));
    let bytes = 0;
    for (const [pid, held] of anonymous) if (isOurs(pid)) bytes += held;
    this.#peakBytes = Math.max(this.#peakBytes, bytes);
  }
}
