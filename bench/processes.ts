import { readdir, readFile } from 'node:fs/promises';

/** What processes and all their descendants use together (Linux). */

const SAMPLE_EVERY_MS = 100;
/** Of the times in /proc/PID/stat: USER_HZ, which is 100 wherever Linux runs on what we run on. */
const TICKS_PER_SECOND = 100;
/** As above: of a system with pages of another size only the figures' ratios would hold. */
const PAGE_BYTES = 4096;

interface Use {
  readonly ticks: number;
  readonly residentBytes: number;
}

/** Watches from its making on. A process that ends between two looks loses what it used since the last: 100 ms at most. */
export class ProcessWatch {
  readonly #roots: readonly number[];
  readonly #timer: NodeJS.Timeout;
  readonly #first = new Map<number, number>();
  readonly #last = new Map<number, number>();
  #peakBytes = 0;
  #looking: Promise<void>;
  #looks = 0;

  /** @param roots ids of processes that run already */
  constructor(roots: readonly number[]) {
    this.#roots = roots;
    this.#looking = this.#look();
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look());
    }, SAMPLE_EVERY_MS).unref();
  }

  /** @returns what was used since the watch began; bytes at their peak, of all processes together */
  async stop(): Promise<{ cpuSeconds: number; peakBytes: number }> {
    clearInterval(this.#timer);
    await this.#looking;
    await this.#look();
    let ticks = 0;
    for (const [pid, last] of this.#last) ticks += last - (this.#first.get(pid) ?? 0);
    return { cpuSeconds: ticks / TICKS_PER_SECOND, peakBytes: this.#peakBytes };
  }

  async #look(): Promise<void> {
    const isFirstLook = this.#looks === 0;
    this.#looks += 1;
    let bytes = 0;
    for (const pid of await familyOf(this.#roots)) {
      const use = await useOf(pid);
      if (use === undefined) continue;
      // One that began meanwhile has used nothing before.
      if (!this.#first.has(pid)) this.#first.set(pid, isFirstLook ? use.ticks : 0);
      this.#last.set(pid, use.ticks);
      bytes += use.residentBytes;
    }
    this.#peakBytes = Math.max(this.#peakBytes, bytes);
  }
}

async function familyOf(roots: readonly number[]): Promise<number[]> {
  const families = await Promise.all(
    roots.map(async (root) => {
      const threads = await readdir(`/proc/${root}/task`).catch(() => []);
      const children = await Promise.all(
        threads.map((thread) => readFile(`/proc/${root}/task/${thread}/children`, 'utf8').catch(() => '')),
      );
      return [root, ...(await familyOf(children.join(' ').split(' ').filter(Boolean).map(Number)))];
    }),
  );
  return families.flat();
}

async function useOf(pid: number): Promise<Use | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // The second field, a name in brackets, may hold spaces and brackets; what follows it begins with the third.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [utime, stime, resident] = [fields[11], fields[12], fields[21]].map(Number);
  return { ticks: (utime ?? 0) + (stime ?? 0), residentBytes: (resident ?? 0) * PAGE_BYTES };
}
