import type { Entry, EntryId } from '#protocol/entry.ts';

/**
 * Where the sender's bytes come from: picked files in a page, a folder on a disk.
 * Implemented in `client/` and `node-peer/`; `file-source.contract.ts` is run against each.
 */
export interface FileSource {
  /** What is offered, in manifest order: an entry's id is its index. Fixed for the source's life. */
  readonly entries: readonly Entry[];

  /**
   * Reads exactly `lengthBytes` at `offset` of a file entry; the caller owns the result.
   * @throws TransferError `source-changed` when the file is shorter or newer than offered,
   *   `source-unreadable` when it is gone or refuses.
   */
  read(entry: EntryId, offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>>;

  /** Where it pays: takes back what `read` gave, from an owner who needs it no more. */
  recycle?(bytes: Uint8Array<ArrayBuffer>): void;

  /**
   * Called once every block of the entry has been read: the last chance to find that it changed meanwhile.
   * @param doubt what an earlier call gave, where all of it has been read again since
   * @returns null if it did not change; a doubt where it may have, though size and time are what they were: whether it did
   * shows in reading it again
   * @throws TransferError `source-changed`, `source-unreadable`
   */
  confirmUnchanged(entry: EntryId, doubt?: number): Promise<number | null>;

  /** Releases handles. No call may follow. */
  close(): Promise<void>;
}
