import { access, constants, type FileHandle, statfs, utimes } from 'node:fs/promises';
import { basename, dirname, join, posix, relative } from 'node:path';
import { blockLength } from '#protocol/block.ts';
import type { EntryId, FileEntry, FolderEntry } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { LocalPaths, type LocalRules } from '#protocol/local-path.ts';
import { formatSize } from '#transport/quantity-text.ts';
import type { ChosenEntry, DeliveryNames, HeldFile, SavedEntry, Sink } from '#transport/sink.ts';
import { diskError, systemCode } from './disk-error.ts';
import { ensureFolder } from './ensure-folder.ts';
import { type Held, HeldFiles } from './held-files.ts';
import { inParallel } from './in-parallel.ts';
import { JOURNAL_NAME, Journal, type Noted, type NotedEntry, readJournal } from './journal.ts';
import type { JournalRecord } from './journal-record.ts';
import { DISK_CALLS_AT_ONCE, SMALL_FILE_BYTES, SYNC_WHOLE_DISK_FILES } from './limits.ts';
import { LinklessFolders } from './linkless-folders.ts';
import { MadeFolders, placeIn, syncAt } from './made-folders.ts';
import { PartialFiles } from './partial-files.ts';
import { QuickCalls } from './quick-calls.ts';
import { readAll, type StandingFile } from './standing-file.ts';
import { syncWholeDisk } from './whole-disk-sync.ts';

const THIS_SYSTEM: LocalRules = {
  windows: process.platform === 'win32',
  caseSensitive: process.platform !== 'win32' && process.platform !== 'darwin',
};

/** Windows syncs only what may be written to. A file may be anything by now: nothing is waited for at a pipe. */
const SYNC_FLAGS =
  (process.platform === 'win32' ? constants.O_RDWR : constants.O_RDONLY) |
  (constants.O_NOFOLLOW ?? 0) |
  (constants.O_NONBLOCK ?? 0);

/** A chosen entry and where it is to be saved: a path in the target, `/`-separated. */
interface Target<E> {
  readonly id: EntryId;
  readonly entry: E;
  readonly place: string;
  /** Its number in the journal. */
  readonly number: number;
}

/** A file that was saved: its path in the target, and what it was verified by. */
export interface SavedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly root: Uint8Array;
}

/**
 * Saves a share in a folder. What stands there is left alone: what has the name of something existing gets a numbered
 * one, a folder as a whole, so that a share never mixes with what was there; nothing is written through a link.
 * What an interrupted run has written is gone on with by the next (`journal.ts`).
 */
export class FolderSink implements Sink {
  readonly #dir: string;
  readonly #root: string;
  readonly #rules: LocalRules;
  readonly #folders: LinklessFolders;
  readonly #made: MadeFolders;
  readonly #calls = new QuickCalls();
  #partials: PartialFiles | null = null;
  /** Taken, and not opened yet. */
  #claimed: PartialFiles | null = null;
  #journal: Journal | null = null;
  /** Whether there is anything that another run could go on with. */
  #hasKept = false;
  #heldBytes = 0;
  /** Roots of what has its final name. */
  readonly #roots = new Map<EntryId, Uint8Array>();
  readonly #files = new Map<EntryId, Target<FileEntry>>();
  readonly #folderEntries: Target<FolderEntry>[] = [];
  /** Real paths of what has its final name. */
  readonly #saved = new Map<EntryId, string>();
  /** What an earlier run gave its final name. */
  readonly #standing = new Map<EntryId, StandingFile>();
  /** Copies of those being made, and which blocks the finished ones lack. */
  readonly #copies = new Map<EntryId, Promise<Set<number>>>();

  private constructor(dir: string, root: string, rules: LocalRules, folders: LinklessFolders) {
    this.#dir = dir;
    this.#root = root;
    this.#rules = rules;
    this.#folders = folders;
    this.#made = new MadeFolders(folders, root, this.#calls, {
      making: async (planned, place) => this.#opened.journal.note({ type: 'folder', planned, place }),
      // Ahead of everything in it, since it is noted first.
      made: (planned) => void this.#opened.journal.note({ type: 'made', planned }).catch(() => {}),
    });
  }

  /**
   * A sink into `dir`, which is made if it is not there. One that may not be written to is refused here, before anybody
   * has been met.
   * @throws TransferError `sink-failed`, `disk-full`
   */
  static async create(dir: string, rules: LocalRules = THIS_SYSTEM): Promise<FolderSink> {
    try {
      await ensureFolder(dir);
      await access(dir, constants.W_OK | constants.X_OK);
      const folders = new LinklessFolders();
      return new FolderSink(dir, await folders.addRoot(dir), rules, folders);
    } catch (error) {
      throw diskError(error, dir, 'sink-failed');
    }
  }

  /** What is there from earlier runs, as far as one can tell without reading it. Known when it is opened. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether another run could go on with anything. */
  get isWorthKeeping(): boolean {
    return this.#hasKept;
  }

  /** The files that have their final names, of earlier runs too, and the roots by which each can be verified again. */
  get savedFiles(): SavedFile[] {
    return [...this.#roots].map(([id, root]) => {
      const path = relative(this.#root, this.#saved.get(id) as string);
      return { path, sizeBytes: this.#file(id).entry.sizeBytes, root };
    });
  }

  /**
   * Takes what an earlier run of this share has left here, ahead of `open`.
   * @returns which delivery that is; null where nothing is left, or a living process has it
   */
  async claim(shareId: string): Promise<string | null> {
    return this.#guard(this.#dir, async () => {
      this.#claimed = await PartialFiles.claimLeft(this.#folders, this.#root, shareId, this.#calls);
      const noted = this.#claimed && (await readJournal(this.#folders, this.#claimed.folder, shareId));
      return noted?.deliveryId || null;
    });
  }

  /** Gives back what was claimed, in place of `open`; one that was opened stays so. */
  async release(): Promise<void> {
    const claimed = this.#claimed;
    if (claimed === null) return;
    this.#claimed = null;
    await this.#guard(this.#dir, async () => {
      await claimed.close();
      await this.#folders.close();
    });
  }

  async open(chosen: readonly ChosenEntry[], names: DeliveryNames): Promise<readonly HeldFile[]> {
    const { shareId } = names;
    return this.#guard(this.#dir, async () => {
      this.#partials =
        this.#claimed ?? (await PartialFiles.claim(this.#folders, this.#root, shareId, this.#calls));
      this.#claimed = null;
      const noted = await readJournal(this.#folders, this.#partials.folder, shareId);
      this.#hasKept = noted !== null;
      this.#plan(chosen, noted?.entries ?? new Map());
      const holder = new HeldFiles(this.#folders, this.#root, this.#partials);
      const found = noted ? await this.#find(noted, holder) : new Map<EntryId, Held>();
      const partial = [...found].filter(([, held]) => held.standing === null && held.leaves.size > 0);
      const kept = new Set(partial.map(([id]) => this.#file(id).number));
      await this.#partials.keep(kept, noted ? [JOURNAL_NAME] : []);
      await this.#checkSpace(found);
      const places = noted ? await holder.foldersOf(noted) : new Map<string, string>();
      this.#made.adopt(places);
      await this.#beginJournal(names, noted, found, places);
      this.#hasKept = false;
      for (const [id, held] of found) {
        const { entry, number } = this.#file(id);
        this.#heldBytes += bytesOf(held, entry);
        if (held.standing !== null || held.leaves.size > 0) this.#hasKept = true;
        if (held.standing === null) continue;
        this.#standing.set(id, held.standing);
        if (!held.committed) continue;
        this.#saved.set(id, held.standing.path);
        this.#roots.set(id, noted?.entries.get(number)?.commit?.root ?? new Uint8Array());
      }
      return [...found].map(([id, { leaves, committed, resized }]) => ({ id, leaves, committed, resized }));
    });
  }

  async read(id: EntryId, offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const { entry, number } = this.#file(id);
    // Not from Node's pool, so that it may be handed on; not zeroed, since all of it is filled or none is given.
    const bytes = new Uint8Array(Buffer.allocUnsafeSlow(lengthBytes).buffer);
    const standing = this.#standing.get(id);
    await this.#guard(entry.path, () =>
      standing
        ? standing.read(bytes, offset)
        : this.#opened.partials.use(number, modeOf(entry), (handle) => readAll(handle, bytes, offset)),
    );
    return bytes;
  }

  async write(id: EntryId, offset: number, bytes: Uint8Array<ArrayBuffer>, leaf: Uint8Array): Promise<void> {
    const { entry, number } = this.#file(id);
    await this.#guard(entry.path, async () => {
      const { partials, journal } = this.#opened;
      (await this.#copyOf(id))?.delete(offset / BLOCK_BYTES);
      if (bytes.length === entry.sizeBytes && bytes.length <= SMALL_FILE_BYTES)
        await partials.writeWhole(number, modeOf(entry), bytes, entry.modifiedMs);
      else await partials.write(number, modeOf(entry), bytes, offset);
      await journal.note({ type: 'block', number, index: offset / BLOCK_BYTES, leaf });
    });
    this.#hasKept = true;
  }

  reopen(id: EntryId): void {
    this.#saved.delete(id);
    this.#roots.delete(id);
  }

  async commit(id: EntryId, root: Uint8Array): Promise<void> {
    const { entry, number, place } = this.#file(id);
    await this.#guard(entry.path, async () => {
      const { partials, journal } = this.#opened;
      const standing = this.#standing.get(id);
      if (standing?.sizeBytes === entry.sizeBytes) {
        await this.#settle(id, root, standing.path);
        return;
      }
      const missing = await this.#copyOf(id);
      if (missing && missing.size > 0) throw new Error('it was changed here while it was gone on with');
      if (!partials.isWhole(number))
        await partials.conclude(number, modeOf(entry), (handle) => conclude(handle, entry));
      const folder = await this.#made.make(posix.dirname(place));
      const intend = (name: string) =>
        journal.note({ type: 'intent', number, root, place: placeIn(this.#root, join(folder, name)) });
      const name = await partials.moveTo(folder, posix.basename(place), number, intend);
      await this.#settle(id, root, join(folder, name));
    });
    this.#hasKept = true;
  }

  async discard(id: EntryId): Promise<void> {
    const { entry, number } = this.#file(id);
    this.#standing.delete(id);
    await this.#copies.get(id)?.catch(() => {});
    await this.#guard(entry.path, () => this.#opened.partials.remove(number));
  }

  async finish(): Promise<readonly SavedEntry[]> {
    return this.#guard(this.#dir, async () => {
      const { partials, journal } = this.#opened;
      await inParallel(this.#folderEntries, DISK_CALLS_AT_ONCE, async ({ id, place }) => {
        this.#saved.set(id, await this.#made.make(place));
      });
      await this.#sync();
      await journal.close();
      await partials.removeAll();
      await this.#folders.close();
      return [...this.#saved]
        .sort(([a], [b]) => a - b)
        .map(([id, path]) => ({ id, savedAs: join(this.#dir, relative(this.#root, path)) }));
    });
  }

  async suspend(): Promise<void> {
    if (!this.#hasKept) return this.abort();
    await this.#guard(this.#dir, async () => {
      try {
        if (this.#journal) {
          await this.#sync();
          await this.#journal.sync();
        }
      } finally {
        await this.#journal?.close();
        await this.#partials?.close();
        await this.#folders.close();
      }
    });
  }

  async abort(): Promise<void> {
    await this.#guard(this.#dir, async () => {
      await this.#journal?.close();
      // One that could not be opened (a full disk) gives up nothing of an earlier run's.
      if (this.#journal === null && this.#hasKept) await this.#partials?.close();
      else await this.#partials?.removeAll();
      await this.#made.removeEmpty();
      await this.#folders.close();
    });
  }

  /**
   * What stands under its final name is never written to: what is good of it goes on in a copy.
   * @returns blocks that the copy lacks; undefined where nothing stood there
   */
  #copyOf(id: EntryId): Promise<Set<number>> | undefined {
    const standing = this.#standing.get(id);
    if (standing && !this.#copies.has(id)) {
      const copying = this.#copy(id, standing);
      this.#copies.set(id, copying);
      copying.catch(() => this.#copies.delete(id));
    }
    return this.#copies.get(id);
  }

  async #copy(id: EntryId, standing: StandingFile): Promise<Set<number>> {
    const { entry, number } = this.#file(id);
    const { partials, journal } = this.#opened;
    const missing = await partials.make(number, modeOf(entry), (handle) => standing.copyTo(handle));
    const blocks = [...standing.leaves].filter(([index]) => !missing.has(index));
    await journal.note(
      { type: 'entry', number, kind: 'file', path: entry.path, sizeBytes: entry.sizeBytes },
      ...blocks.map(([index, leaf]) => ({ type: 'block', number, index, leaf }) as const),
    );
    this.#standing.delete(id);
    return missing;
  }

  /** The file has its final name. */
  async #settle(id: EntryId, root: Uint8Array, path: string): Promise<void> {
    this.#standing.delete(id);
    this.#saved.set(id, path);
    this.#roots.set(id, root);
    // Where this is lost, the intent is looked into.
    void this.#opened.journal.note({ type: 'committed', number: this.#file(id).number }).catch(() => {});
  }

  /** Gives entries their numbers and places. Those of an earlier run come first, as they did then: so their places are what they were. */
  #plan(chosen: readonly ChosenEntry[], noted: ReadonlyMap<number, NotedEntry>): void {
    const numbers = new Map([...noted.values()].map(({ kind, path, number }) => [`${kind}/${path}`, number]));
    const numberOf = ({ entry: { kind, path } }: ChosenEntry) => numbers.get(`${kind}/${path}`) ?? Infinity;
    let next = [...noted.keys()].reduce((highest, number) => Math.max(highest, number), -1) + 1;
    const places = new LocalPaths(this.#rules);
    for (const one of [...chosen].sort((a, b) => numberOf(a) - numberOf(b) || 0)) {
      const { id, entry } = one;
      const known = numberOf(one);
      const number = known === Infinity ? next++ : known;
      const place = places.add(entry);
      if (entry.kind === 'file') this.#files.set(id, { id, entry, place, number });
      else this.#folderEntries.push({ id, entry, place, number });
    }
  }

  /** What is there of the files of an earlier run. */
  async #find(noted: Noted, holder: HeldFiles): Promise<Map<EntryId, Held>> {
    const held = await inParallel(
      [...this.#files.values()],
      DISK_CALLS_AT_ONCE,
      async ({ id, entry, number }) => {
        const file = noted.entries.get(number);
        return [id, file ? await holder.find(file, entry) : null] as const;
      },
    );
    return new Map(held.filter((one): one is [EntryId, Held] => one[1] !== null));
  }

  async #checkSpace(held: ReadonlyMap<EntryId, Held>): Promise<void> {
    let neededBytes = 0;
    for (const { id, entry } of this.#files.values())
      neededBytes += entry.sizeBytes - bytesOf(held.get(id) ?? null, entry);
    const { blocks, bavail, bsize } = await statfs(this.#root);
    // Some network disks know no size of theirs.
    if (blocks > 0 && neededBytes > bavail * bsize) {
      const free = `${formatSize(bavail * bsize)} free`;
      throw new TransferError('disk-full', `${formatSize(neededBytes)} needed, ${free} in ${this.#dir}`);
    }
  }

  /** Removes what is of no use any more and begins a journal that says what is. */
  async #beginJournal(
    names: DeliveryNames,
    noted: Noted | null,
    held: ReadonlyMap<EntryId, Held>,
    folders: ReadonlyMap<string, string>,
  ): Promise<void> {
    const partials = this.#partials as PartialFiles;
    const records: JournalRecord[] = [];
    for (const { number, entry } of this.#folderEntries)
      records.push({ type: 'entry', number, kind: 'folder', path: entry.path, sizeBytes: 0 });
    for (const { id, number, entry } of this.#files.values()) {
      const has = held.get(id);
      const commit = has?.standing ? noted?.entries.get(number)?.commit : null;
      // What stands there has the size that it had then.
      const sizeBytes = has?.standing?.sizeBytes ?? entry.sizeBytes;
      records.push({ type: 'entry', number, kind: 'file', path: entry.path, sizeBytes });
      for (const [index, leaf] of has?.leaves ?? []) records.push({ type: 'block', number, index, leaf });
      if (!commit) continue;
      records.push({ type: 'intent', number, root: commit.root, place: commit.place });
      if (commit.done) records.push({ type: 'committed', number });
    }
    this.#journal = await Journal.create(this.#folders, partials.folder, [
      { type: 'share', ...names },
      ...[...folders].flatMap(([planned, place]): JournalRecord[] => [
        { type: 'folder', planned, place },
        { type: 'made', planned },
      ]),
      ...records,
    ]);
  }

  /** Makes what was written durable. A file below a block has its name already; it is synced here, with the others. */
  async #sync(): Promise<void> {
    // After all names are in their places, since each changes its folder's time.
    await inParallel(this.#folderEntries, DISK_CALLS_AT_ONCE, (folder) => this.#setTime(folder));
    const small = [...this.#files.values()].flatMap(({ id, entry: { sizeBytes } }) =>
      sizeBytes < BLOCK_BYTES ? (this.#saved.get(id) ?? []) : [],
    );
    const { partials } = this.#opened;
    const isMuch = small.length + partials.unsynced >= SYNC_WHOLE_DISK_FILES;
    if (isMuch && (await syncWholeDisk(this.#root))) return;
    await partials.sync();
    await inParallel(small, DISK_CALLS_AT_ONCE, (path) =>
      this.#folders
        .within(dirname(path), (at) => syncAt(at(basename(path)), SYNC_FLAGS))
        .catch((error: unknown) => {
          // Its owner may have closed what an earlier run saved.
          if (systemCode(error) !== 'EACCES') throw error;
        }),
    );
    await this.#made.sync();
  }

  async #setTime({ id, entry: { modifiedMs } }: Target<FolderEntry>): Promise<void> {
    const path = this.#saved.get(id);
    if (path === undefined || modifiedMs === undefined) return;
    await this.#folders
      .within(path, (at) => utimes(at('.'), new Date(modifiedMs), new Date(modifiedMs)))
      .catch(() => {});
  }

  get #opened(): { partials: PartialFiles; journal: Journal } {
    if (this.#partials === null || this.#journal === null) throw new Error('the sink was not opened');
    return { partials: this.#partials, journal: this.#journal };
  }

  #file(id: EntryId): Target<FileEntry> {
    const file = this.#files.get(id);
    if (file === undefined) throw new RangeError(`entry ${id} is not a chosen file`);
    return file;
  }

  async #guard<T>(path: string, task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      throw diskError(error, path, 'sink-failed');
    }
  }
}

function bytesOf(held: Held | null, { sizeBytes }: FileEntry): number {
  return [...(held?.leaves.keys() ?? [])].reduce((sum, index) => sum + blockLength(sizeBytes, index), 0);
}

/** Gives a file its length and its time, and makes one that is worth it durable at once. */
async function conclude(handle: FileHandle, { sizeBytes, modifiedMs }: FileEntry): Promise<void> {
  // Somebody may have written behind its end between two runs.
  if ((await handle.stat()).size > sizeBytes) await handle.truncate(sizeBytes);
  // A disk that keeps no such time keeps the file all the same. A Date: Node takes a negative number for now.
  if (modifiedMs !== undefined)
    await handle.utimes(new Date(modifiedMs), new Date(modifiedMs)).catch(() => {});
  if (sizeBytes >= BLOCK_BYTES) await handle.sync();
}

/** Less the umask, as for any file that a program makes. */
function modeOf({ executable }: FileEntry): number {
  return executable ? 0o777 : 0o666;
}
