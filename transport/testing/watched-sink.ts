import type { EntryId } from '#protocol/entry.ts';
import type { ChosenEntry, DeliveryNames, HeldFile, SavedEntry, Sink } from '../sink.ts';
import { type MemoryDisk, MemorySink } from './memory-files.ts';

type Call = Exclude<keyof Sink, symbol>;

/**
 * A sink in memory that notes what it is called with, throws where it is called against its contract, and does before each
 * call what a test tells it to: wait, or fail.
 */
export class WatchedSink implements Sink {
  readonly #sink: MemorySink;
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

  constructor(disk?: MemoryDisk) {
    this.#sink = new MemorySink(disk);
  }

  /** What stands under final names. */
  get files(): ReadonlyMap<string, Uint8Array> {
    return this.#sink.files;
  }

  open(chosen: readonly ChosenEntry[], names: DeliveryNames): Promise<readonly HeldFile[]> {
    return this.#do('open', null, () => this.#sink.open(chosen, names));
  }

  read(entry: EntryId, offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    return this.#do('read', entry, () => this.#sink.read(entry, offset, lengthBytes));
  }

  async write(
    entry: EntryId,
    offset: number,
    bytes: Uint8Array<ArrayBuffer>,
    leaf: Uint8Array,
  ): Promise<void> {
    if (this.#committed.has(entry)) this.offences.push(`write to ${entry} after its commit`);
    this.pendingBytes += bytes.length;
    this.mostPendingBytes = Math.max(this.mostPendingBytes, this.pendingBytes);
    try {
      await this.#do('write', entry, () => this.#sink.write(entry, offset, bytes, leaf));
    } finally {
      this.pendingBytes -= bytes.length;
    }
  }

  reopen(entry: EntryId): void {
    if (this.#committed.has(entry)) this.offences.push(`reopening of ${entry}, which this run committed`);
    this.calls.push('reopen');
    this.#sink.reopen(entry);
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

  suspend(): Promise<void> {
    return this.#end('suspend', () => this.#sink.suspend());
  }

  abort(): Promise<void> {
    return this.#end('abort', () => this.#sink.abort());
  }

  #end<T>(call: 'finish' | 'suspend' | 'abort', task: () => Promise<T>): Promise<T> {
    if (this.#under > 0) this.offences.push(`${call} while ${this.#under} calls are under way`);
    const ending = this.#do(call, null, task);
    this.#over = call;
    return ending;
  }

  async #do<T>(call: Call, entry: EntryId | null, task: () => Promise<T>): Promise<T> {
    this.calls.push(call);
    // Another end may also follow a finish that failed.
    if (this.#over !== null && !(this.#over === 'finish' && (call === 'suspend' || call === 'abort')))
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
