import { blockLength } from '#protocol/block.ts';
import type { FileFailure } from '#protocol/control-message.ts';
import type { Entry, EntryId, FileEntry } from '#protocol/entry.ts';
import { equalBytes } from '#protocol/leaf-tree.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import type { Platform } from './platform.ts';
import type { ChosenEntry, DeliveryNames, SavedEntry, Sink } from './sink.ts';

type Hashing = Pick<Platform, 'sha256'>;

/** Blocks with their leaves, by index. */
type Leaves = Map<number, Uint8Array>;

/** What a session is to fetch of one file, by the id that the file has in that session. */
export interface Outstanding {
  readonly id: EntryId;
  /** Blocks that are written: by this process and known to be there, or by an earlier one and still to be read again. */
  readonly written: ReadonlyMap<number, Uint8Array>;
  readonly unread: ReadonlyMap<number, Uint8Array>;
}

/** What is still to be had from one session. */
export interface Remainder {
  /** In the order chosen. */
  readonly outstanding: readonly Outstanding[];
  /** Committed files that the session's manifest still offers: the sender can count only what it knows. */
  readonly settled: { readonly files: number; readonly bytes: number };
  /** Files given up while no session could tell the sink so. */
  readonly abandoned: readonly string[];
}

/**
 * What one receiver takes of a share, over as many sessions as that needs: what was chosen, what of it is written,
 * committed and given up. Sessions come and go, with ids of their own; an entry is the same if its path and size are.
 */
export class Delivery {
  readonly #sink: Sink;
  readonly #chosen: readonly ChosenEntry[];
  /** Chosen files, by path, with the ids by which the sink knows them: those of the first session. */
  readonly #files = new Map<string, { readonly id: EntryId; readonly entry: FileEntry }>();
  readonly #sizes = new Map<EntryId, number>();
  readonly #written = new Map<EntryId, Leaves>();
  readonly #unread = new Map<EntryId, Leaves>();
  readonly #committed = new Set<EntryId>();
  /** Those of them that an earlier process committed and that are still to be read again, from block `next` on, by path. */
  readonly #unproven = new Map<string, { readonly leaves: Leaves; next: number }>();
  #unprovenBytes = 0;
  readonly #failed = new Map<string, FileFailure>();
  readonly #changed = new Set<string>();
  /** Paths of files that the person holds up, which each session is told anew. */
  readonly paused = new Set<string>();
  #committedBytes = 0;
  #saved: readonly SavedEntry[] | null = null;

  constructor(chosen: readonly ChosenEntry[], sink: Sink) {
    this.#sink = sink;
    this.#chosen = chosen;
    for (const { id, entry } of chosen) {
      if (entry.kind !== 'file') continue;
      this.#files.set(entry.path, { id, entry });
      this.#sizes.set(id, entry.sizeBytes);
    }
  }

  /** Files given up, by path, and why. */
  get failed(): ReadonlyMap<string, FileFailure> {
    return this.#failed;
  }

  /** Paths of files of which the sender had other blocks, or another size, than an earlier session brought. */
  get changed(): ReadonlySet<string> {
    return this.#changed;
  }

  /** Chosen files: how many, and their sizes in all. */
  get totals(): { files: number; totalBytes: number } {
    const sizes = Array.from(this.#files.values(), ({ entry }) => entry.sizeBytes);
    return { files: sizes.length, totalBytes: sizes.reduce((sum, size) => sum + size, 0) };
  }

  /** Files that are committed, of the same. */
  get settled(): { files: number; bytes: number } {
    return { files: this.#committed.size, bytes: this.#committedBytes };
  }

  /** Of these, what an earlier process committed and is still to be read again. */
  get unproven(): { files: number; bytes: number; next: string | undefined } {
    const [next] = this.#unproven.keys();
    return { files: this.#unproven.size, bytes: this.#unprovenBytes, next };
  }

  /** Whether this file was chosen, and is neither committed nor given up. */
  lacks(path: string): boolean {
    const file = this.#files.get(path);
    return file !== undefined && !this.#committed.has(file.id) && !this.#failed.has(path);
  }

  /** Whether there is anything that another run could go on with. */
  get isWorthKeeping(): boolean {
    return this.#committed.size > 0 || this.#written.size > 0 || this.#unread.size > 0;
  }

  /** Opens the sink, and takes over what it holds from earlier runs. */
  async open(names: DeliveryNames): Promise<void> {
    const entries = new Map(this.#chosen.map(({ id, entry }) => [id, entry]));
    for (const { id, leaves, committed, resized } of await this.#sink.open(this.#chosen, names)) {
      const path = entries.get(id)?.path ?? '';
      if (resized) this.change(path);
      if (committed) this.#settle(id);
      if (leaves.size === 0) continue;
      if (!committed) this.#unread.set(id, new Map(leaves));
      else {
        this.#unproven.set(path, { leaves: new Map(leaves), next: 0 });
        this.#unprovenBytes += this.#sizes.get(id) ?? 0;
      }
    }
  }

  /** What the sender of this manifest no longer offers, or in another size, is given up as changed. */
  remainder(entries: readonly Entry[]): Remainder {
    const offered = new Map(entries.map((entry, id) => [entry.path, { id, entry }]));
    const outstanding: Outstanding[] = [];
    const abandoned: string[] = [];
    const settled = { files: 0, bytes: 0 };
    for (const [path, { id, entry }] of this.#files) {
      const now = offered.get(path);
      const isOffered = now?.entry.kind === 'file' && now.entry.sizeBytes === entry.sizeBytes;
      const [written, unread] = [this.#written.get(id) ?? new Map(), this.#unread.get(id) ?? new Map()];
      if (this.#committed.has(id)) {
        settled.files += isOffered ? 1 : 0;
        settled.bytes += isOffered ? entry.sizeBytes : 0;
        continue;
      }
      if (!isOffered) this.fail(path, 'source-changed');
      if (isOffered && !this.#failed.has(path)) outstanding.push({ id: now.id, written, unread });
      else if (written.size + unread.size > 0) abandoned.push(path);
    }
    return { outstanding, settled, abandoned };
  }

  /** Gives a file up. One that is committed stays, and what was not chosen is none of ours. */
  fail(path: string, code: FileFailure): void {
    const file = this.#files.get(path);
    if (file && !this.#committed.has(file.id) && !this.#failed.has(path)) this.#failed.set(path, code);
  }

  /** The sender has other bytes, or another size, than an earlier session brought of this file. */
  change(path: string): void {
    this.#changed.add(path);
  }

  async write(path: string, index: number, bytes: Uint8Array<ArrayBuffer>, leaf: Uint8Array): Promise<void> {
    const id = this.#idOf(path);
    await this.#sink.write(id, index * BLOCK_BYTES, bytes, leaf);
    this.#note(path, id, index, leaf);
  }

  /**
   * Reads a block of an earlier run again, and forgets it where it is not what was written.
   * @returns its leaf
   */
  async recheck(
    path: string,
    index: number,
    lengthBytes: number,
    platform: Hashing,
  ): Promise<Uint8Array | null> {
    const id = this.#idOf(path);
    const leaf = this.#unread.get(id)?.get(index);
    if (!leaf) return null;
    const bytes = await this.#sink.read(id, index * BLOCK_BYTES, lengthBytes).catch(() => null);
    const isThere = bytes !== null && equalBytes(await platform.sha256(bytes), leaf);
    const unread = this.#unread.get(id);
    unread?.delete(index);
    if (unread?.size === 0) this.#unread.delete(id);
    if (!isThere) return null;
    this.#note(path, id, index, leaf);
    return leaf;
  }

  /**
   * Reads the next block of an `unproven` file again.
   * @returns whether it is as it was written; where it is not, `reopen` is to follow
   */
  async prove(path: string, platform: Hashing): Promise<boolean> {
    const [id, file] = [this.#idOf(path), this.#unproven.get(path)];
    if (!file) return true;
    const lengthBytes = blockLength(this.#sizes.get(id) ?? 0, file.next);
    const leaf = file.leaves.get(file.next);
    const bytes = await this.#sink.read(id, file.next * BLOCK_BYTES, lengthBytes).catch(() => null);
    if (!leaf || bytes === null || !equalBytes(await platform.sha256(bytes), leaf)) return false;
    file.next += 1;
    this.#unprovenBytes -= lengthBytes;
    if (file.next === file.leaves.size) this.#unproven.delete(path);
    return true;
  }

  /** A committed file is not as it was written: it is to be had again, and everything of it to be read again. */
  reopen(path: string): void {
    const [id, file] = [this.#idOf(path), this.#unproven.get(path)];
    if (!file) return;
    const sizeBytes = this.#sizes.get(id) ?? 0;
    this.#unproven.delete(path);
    this.#unprovenBytes -= sizeBytes - Math.min(sizeBytes, file.next * BLOCK_BYTES);
    this.#committed.delete(id);
    this.#committedBytes -= sizeBytes;
    this.#unread.set(id, file.leaves);
    this.#sink.reopen?.(id);
  }

  async commit(path: string, root: Uint8Array): Promise<void> {
    const id = this.#idOf(path);
    await this.#sink.commit(id, root);
    // Given up too late: what is saved stays saved.
    this.#failed.delete(path);
    this.#settle(id);
  }

  async discard(path: string): Promise<void> {
    const id = this.#idOf(path);
    this.#written.delete(id);
    this.#unread.delete(id);
    await this.#sink.discard(id);
  }

  /** Whether everything that could be had is durable. */
  get finished(): boolean {
    return this.#saved !== null;
  }

  /** Makes everything durable, once: a later session has only to say so. */
  async finish(): Promise<readonly SavedEntry[]> {
    this.#saved ??= await this.#sink.finish();
    return this.#saved;
  }

  /** Ends it before its end: what was written stays for another run, where there is anything. */
  async interrupt(): Promise<void> {
    await (this.isWorthKeeping ? this.#sink.suspend() : this.#sink.abort()).catch(() => {});
  }

  #note(path: string, id: EntryId, index: number, leaf: Uint8Array): void {
    if (this.#failed.has(path)) return;
    const leaves = this.#written.get(id) ?? new Map();
    leaves.set(index, leaf);
    this.#written.set(id, leaves);
  }

  #settle(id: EntryId): void {
    this.#written.delete(id);
    this.#unread.delete(id);
    if (this.#committed.has(id)) return;
    this.#committed.add(id);
    this.#committedBytes += this.#sizes.get(id) ?? 0;
  }

  #idOf(path: string): EntryId {
    const file = this.#files.get(path);
    if (!file) throw new Error(`${path} was not chosen`);
    return file.id;
  }
}
