import type { Entry, EntryId } from '#protocol/entry.ts';

/** One chosen entry, as the sink receives it. */
export interface ChosenEntry {
  readonly id: EntryId;
  readonly entry: Entry;
}

/** Where an entry ended up, as shown to people: a path for Node, a file name for a page. */
export interface SavedEntry {
  readonly id: EntryId;
  readonly savedAs: string;
}

/**
 * Where verified bytes go: a folder on a disk, OPFS, a Blob. Never sees an unverified byte.
 * Implemented in `client/` and `node-peer/`; `sink.contract.ts` is run against each.
 *
 * Life: `open`, then any interleaving of `write`, `commit` and `discard`, then `finish` or `abort`, once.
 * A failure is a TransferError `disk-full` or `sink-failed`, after which only `discard` of that entry,
 * `finish` or `abort` follow.
 */
export interface Sink {
  /**
   * Makes places for the chosen entries: maps names, numbers those that exist, checks or reserves space.
   * Nothing is visible under its final name before `commit`; a folder, which is not committed, appears with the
   * first of what lies in it, or at `finish`.
   */
  open(chosen: readonly ChosenEntry[]): Promise<void>;

  /** Writes a verified block, in any order. Takes ownership of `bytes` (it may be transferred away). Resolves when written. */
  write(entry: EntryId, offset: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>;

  /** The entry's root matched: every byte of it has been written. */
  commit(entry: EntryId): Promise<void>;

  /** The entry failed: nothing of it may appear under its final name. What is committed already stays. */
  discard(entry: EntryId): Promise<void>;

  /** Makes everything committed durable and visible: after it, and only then, the transfer may be called done. */
  finish(): Promise<readonly SavedEntry[]>;

  /**
   * The transfer ended early, or `finish` failed. Committed entries stay; the others leave nothing under a final
   * name, and a folder with nothing in it is taken back.
   */
  abort(): Promise<void>;
}
