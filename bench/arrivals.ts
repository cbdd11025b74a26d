import { readFile } from 'node:fs/promises';

/** What arrives at a machine over time, as its kernel counts it. */

const SAMPLE_EVERY_MS = 100;
/** Of the whole: before and after it the rate is not what it settles at. */
const STEADY_FROM = 0.25;
const STEADY_TO = 0.9;

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

export class ArrivalWatch {
  readonly #pid: number;
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void>;

  /** @param pid of a process on that machine, which runs until the end */
  constructor(pid: number) {
    this.#pid = pid;
    this.#looking = this.#look();
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look());
    }, SAMPLE_EVERY_MS).unref();
  }

  /**
   * @param bytes of what was delivered while the watch lasted: what came besides, headers and what was sent again,
   * counts for nothing, and is taken to be spread evenly
   * @returns MB/s in between, once it has settled
   */
  async stop(bytes: number): Promise<number> {
    clearInterval(this.#timer);
    await this.#looking;
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined) throw new Error('nothing was seen to arrive');
    const all = last.bytes - first.bytes;
    const reached = (share: number) => this.#samples.find((one) => one.bytes - first.bytes >= all * share);
    const [from, to] = [reached(STEADY_FROM), reached(STEADY_TO)];
    if (from === undefined || to === undefined || from === to)
      throw new Error('all of it arrived at once: that is too little to see a rate');
    const rawPerMs = (to.bytes - from.bytes) / (to.atMs - from.atMs);
    return (rawPerMs * (bytes / all)) / 1000;
  }

  async #look(): Promise<void> {
    const text = await readFile(`/proc/${this.#pid}/net/dev`, 'utf8').catch(() => undefined);
    const received = text === undefined ? undefined : /^\s*eth0:\s*(\d+)/m.exec(text)?.[1];
    if (received !== undefined) this.#samples.push({ atMs: performance.now(), bytes: Number(received) });
  }
}
