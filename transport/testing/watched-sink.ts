import type { EntryId } from '#protocol/entry.ts';
import type { ChosenEntry, SavedEntry, Sink } from '../sink.ts';
import { MemorySink } from './memory-files.ts';

type Call = Exclude<keyof Sink, symbol>;

/**
 * A sink in memory that notes what it is called with, throws where it is called against its contract, and does before each
 * call what a test tells it to: wait, or fail.
 */
export class WatchedSink implements Sink {
  readonly #sink = new MemorySink();
  readonly calls: Call[] = [];
  /** What was done against the contract. */
  readonly offences: string[] = [];
  /** Bytes that were given to `write` and not yet taken. */
  pendingBytes = 0;
  mostPendingBytes = 0;
  before: (call: Call, entry: EntryId | null) => void | Promise<void> = () => {};
  #under = 0;
  #over: Call | null = null;
  readonly #committed = new Set<EntryId>();
  readonly #discarded = new Set<EntryId>();

  /** What stands under final names. */
  get files(): ReadonlyMap<string, Uint8Array> {
    return this.#sink.files;
  }

  open(chosen: readonly ChosenEntry[]): Promise<void> {
    return this.#do('open', null, () => this.#sink.open(chosen));
  }

  async write(entry: EntryId, offset: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#committed.has(entry)) this.offences.push(`write to ${entry} after its commit`);
    this.pendingBytes += bytes.length;
    this.mostPendingBytes = Math.max(this.mostPendingBytes, this.pendingBytes);
    try {
      await this.#do('write', entry, () => this.#sink.write(entry, offset, bytes));
    } finally {
      this.pendingBytes -= bytes.length;
    }
  }

  commit(entry: EntryId): Promise<void> {
    if (this.#committed.has(entry) || this.#discarded.has(entry))
      this.offences.push(`commit of ${entry} after it was settled`);
    this.#committed.add(entry);
    return this.#do('commit', entry, () => this.#sink.commit(entry));
  }

  discard(entry: EntryId): Promise<void> {
    this.#discarded.add(entry);
    return this.#do('discard', entry, () => this.#sink.discard(entry));
  }

  finish(): Promise<readonly SavedEntry[]> {
    return this.#end('finish', () => this.#sink.finish());
  }

  abort(): Promise<void> {
    return this.#end('abort', () => this.#sink.abort());
  }

  #end<T>(call: 'finish' | 'abort', task: () => Promise<T>): Promise<T> {
    if (this.#under > 0) this.offences.push(`${call} while ${this.#under} calls are under way`);
    const ending = this.#do(call, null, task);
    this.#over = call;
    return ending;
  }

  async #do<T>(call: Call, entry: EntryId | null, task: () => Promise<T>): Promise<T> {
    this.calls.push(call);
    // An abort may also follow a finish that failed.
    if (this.#over !== null && !(this.#over === 'finish' && call === 'abort'))
      this.offences.push(`${call} after ${this.#over}`);
    this.#under += 1;
    try {
      await this.before(call, entry);
      return await task();
    } finally {
      this.#under -= 1;
    }
  }
}
