import { constants, type FileHandle, open, rename } from 'node:fs/promises';
import type { Entry } from '#protocol/entry.ts';
import { systemCode } from './disk-error.ts';
import { decodeRecords, encodeRecord, type JournalRecord } from './journal-record.ts';
import { MAX_JOURNAL_BYTES } from './limits.ts';
import type { LinklessFolders } from './linkless-folders.ts';
import { writeAll } from './write-all.ts';

export const JOURNAL_NAME = 'journal';
/** Until all that was known before stands in it. */
const NEW_NAME = 'journal.new';

/** An entry as an earlier run left it. */
export interface NotedEntry {
  readonly number: number;
  readonly kind: Entry['kind'];
  readonly path: string;
  readonly sizeBytes: number;
  /** The leaves of the blocks that were written, by index. */
  readonly leaves: Map<number, Uint8Array>;
  /** Its final name, which it was about to get; `done` where it has it. */
  commit: {
    readonly root: Uint8Array;
    readonly place: string;
    done: boolean;
  } | null;
}

/** A folder that an earlier run was about to make, and `made`, unless it was another's first. */
export interface NotedFolder {
  readonly place: string;
  made: boolean;
}

/** What a journal says. */
export interface Noted {
  /** Whose it was. */
  readonly deliveryId: string;
  readonly entries: Map<number, NotedEntry>;
  /** The share's folders by their planned places, to where they lie; parents first. */
  readonly folders: Map<string, NotedFolder>;
}

/**
 * What is known of one delivery into one folder, for a later run: an append-only file beside the partial files. It is a
 * hint: whoever goes by it looks at the disk again. So nothing in it is synced before what it speaks of.
 */
export class Journal {
  readonly #handle: FileHandle;
  #sizeBytes = 0;
  #waiting: Uint8Array[] = [];
  /** The write that will take what waits. */
  #next: Promise<void> | null = null;
  #last: Promise<void> = Promise.resolve();

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** A journal in this folder that begins with these records, in the place of the one before. */
  static async create(
    folders: LinklessFolders,
    folder: string,
    records: readonly JournalRecord[],
  ): Promise<Journal> {
    return folders.within(folder, async (at) => {
      const journal = new Journal(await open(at(NEW_NAME), 'wx', 0o600));
      try {
        await journal.note(...records);
        await rename(at(NEW_NAME), at(JOURNAL_NAME));
        return journal;
      } catch (error) {
        await journal.close();
        throw error;
      }
    });
  }

  /** Resolves when the records stand in the file, or rejects, and none of them does. */
  note(...records: readonly JournalRecord[]): Promise<void> {
    for (const record of records) this.#waiting.push(encodeRecord(record));
    this.#next ??= this.#last.then(() => this.#write());
    return this.#next;
  }

  async sync(): Promise<void> {
    await this.#next;
    await this.#handle.sync();
  }

  async close(): Promise<void> {
    await this.#next?.catch(() => {});
    await this.#last;
    await this.#handle.close();
  }

  /** One at a time; meanwhile others gather for the next. A failed one is written over. */
  #write(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#next = null;
    const written = writeAll(this.#handle, bytes, this.#sizeBytes).then(() => {
      this.#sizeBytes += bytes.length;
    });
    this.#last = written.catch(() => {});
    return written;
  }
}

/** What an earlier run noted in this folder; null where there is no journal of this share. */
export async function readJournal(
  folders: LinklessFolders,
  folder: string,
  shareId: string,
): Promise<Noted | null> {
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0);
  const handle = await folders.within(folder, (at) => open(at(JOURNAL_NAME), flags)).catch(() => null);
  if (handle === null) return null;
  try {
    const { size } = await handle.stat();
    const bytes = Buffer.alloc(Math.min(size, MAX_JOURNAL_BYTES));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return replay(decodeRecords(bytes.subarray(0, bytesRead)), shareId);
  } catch (error) {
    if (systemCode(error) === 'EISDIR') return null;
    throw error;
  } finally {
    await handle.close();
  }
}

/** What the records come to, up to the first that speaks of something unknown. */
export function replay(records: Iterable<JournalRecord>, shareId: string): Noted | null {
  let noted: Noted | null = null;
  for (const record of records) {
    if (noted !== null) {
      if (!apply(noted, record)) break;
    } else if (record.type === 'share' && record.shareId === shareId) {
      noted = { deliveryId: record.deliveryId, entries: new Map(), folders: new Map() };
    } else break;
  }
  return noted;
}

/** @returns whether the record makes sense after those before */
function apply({ entries, folders }: Noted, record: JournalRecord): boolean {
  switch (record.type) {
    case 'share':
      return false;
    case 'entry': {
      const { number, kind, path, sizeBytes } = record;
      entries.set(number, { number, kind, path, sizeBytes, leaves: new Map(), commit: null });
      return true;
    }
    case 'folder':
      folders.delete(record.planned);
      folders.set(record.planned, { place: record.place, made: false });
      return true;
    case 'made': {
      const folder = folders.get(record.planned);
      if (folder) folder.made = true;
      return folder !== undefined;
    }
  }
  const entry = entries.get(record.number);
  if (entry?.kind !== 'file') return false;
  if (record.type === 'block') entry.leaves.set(record.index, record.leaf);
  else if (record.type === 'intent') entry.commit = { root: record.root, place: record.place, done: false };
  else if (entry.commit) entry.commit.done = true;
  else return false;
  return true;
}
