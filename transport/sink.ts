import type { Entry, EntryId } from '#protocol/entry.ts';

/** One chosen entry, as the sink receives it. */
export interface ChosenEntry {
  readonly id: EntryId;
  readonly entry: Entry;
}

/** What is gathered, and by whom; both are safe as parts of a file's name. */
export interface DeliveryNames {
  /** Names the share, the same in every run: what an earlier run of it left is gone on with. */
  readonly shareId: string;
  /** Names the delivery to the sender. Kept with what is held, so that the run that goes on with it is the same to the sender. */
  readonly deliveryId: string;
}

/** Where an entry ended up, as shown to people: a path for Node, a file name for a page. */
export interface SavedEntry {
  readonly id: EntryId;
  readonly savedAs: string;
}

/** What a sink has of a chosen file from an earlier run. */
export interface HeldFile {
  readonly id: EntryId;
  /** Its blocks, by index, with the leaves that they had when they were written: each counts once it has been read again. */
  readonly leaves: ReadonlyMap<number, Uint8Array>;
  /** It has its final name: these are all its blocks. */
  readonly committed: boolean;
  /** It had another size then: what was the sender's has changed, and perhaps no block is left of it. */
  readonly resized: boolean;
}

/**
 * Where verified bytes go: a folder on a disk, OPFS, a Blob. Never sees an unverified byte.
 * Implemented in `client/` and `node-peer/`; `sink.contract.ts` is run against each.
 *
 * Life: `open`, then any interleaving of `write`, `read`, `commit` and `discard`, then `finish`, `suspend` or `abort`,
 * once. A failure is a TransferError `disk-full` or `sink-failed`, after which only `discard` of that entry and one of
 * the three ends follow. A process that dies in between leaves what `suspend` would, but for the last writes.
 */
export interface Sink {
  /**
   * Makes places for the chosen entries: maps names, numbers those that exist, checks or reserves space.
   * Nothing is visible under its final name before `commit`; a folder, which is not committed, appears with the
   * first of what lies in it, or at `finish`.
   *
   * @param names an entry that an earlier run of the share left here is the same if its path and size are. It belongs to
   * this delivery from now on, whoever's it was.
   * @returns what is held of the chosen files from earlier runs; files of which nothing is are left out
   */
  open(chosen: readonly ChosenEntry[], names: DeliveryNames): Promise<readonly HeldFile[]>;

  /**
   * Reads a block back that was written, in this run or in one before.
   * @throws TransferError `sink-failed` where it cannot be had whole
   */
  read(entry: EntryId, offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>>;

  /**
   * Writes a verified block, in any order, in place of what was there. Until it settles `bytes` is the sink's (it may be
   * transferred away), and then its caller's again. Resolves when written, and noted with its leaf for another run.
   */
  write(entry: EntryId, offset: number, bytes: Uint8Array<ArrayBuffer>, leaf: Uint8Array): Promise<void>;

  /** A file that an earlier run committed is not as it was written: it is to be had again. Only of a sink that holds such. */
  reopen?(entry: EntryId): void;

  /** The entry's root matched: every byte of it has been written. */
  commit(entry: EntryId, root: Uint8Array): Promise<void>;

  /** The entry failed: nothing of it may appear under its final name. What is committed already stays. */
  discard(entry: EntryId): Promise<void>;

  /** Makes everything committed durable and visible: after it, and only then, the transfer may be called done. */
  finish(): Promise<readonly SavedEntry[]>;

  /**
   * The transfer is interrupted, or `finish` failed: everything that was written stays for another run to go on with,
   * nothing more gets its final name.
   */
  suspend(): Promise<void>;

  /**
   * The transfer is given up for good. Committed entries stay; the others leave nothing under a final
   * name, and a folder with nothing in it is taken back.
   */
  abort(): Promise<void>;
}
