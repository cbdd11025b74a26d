import type { EntryId } from '#protocol/entry.ts';
import type { Sink } from '#transport/sink.ts';

/** One file for the browser's downloads: the only file chosen as it is, anything else as an archive. */
export interface Download {
  readonly fileName: string;
  readonly content: Blob;
}

/**
 * A sink of the page: a page cannot write where people keep their files, so it gathers the delivery in one file
 * and hands that to the browser at the end. `finish` does so by itself.
 */
export interface PageSink extends Sink {
  /** After `finish` what was handed over, after `abort` what could be: null where nothing worth it was committed. */
  readonly download: Download | null;

  /** Whether what is written outlives the page. */
  readonly survivesReload: boolean;

  hasCommitted(entry: EntryId): boolean;

  /** After `suspend`: whether anything is whole that could be handed over, by giving up the rest with `abort` and `save`. */
  readonly hasWholeFiles: boolean;

  /** Hands `download` to the browser's downloads, again if need be. */
  save(): Promise<void>;

  /**
   * The page turns to something else. What is unfinished stays for another run, if anything is written; what
   * was handed over is freed after `EXPORT_GRACE_MS`, since the browser may still be reading it. No call may follow.
   */
  release(): Promise<void>;

  /** As `release`, but what is unfinished is removed. */
  forget(): Promise<void>;
}

/** Hands a file to the browser's downloads; what it returns frees what the browser reads it by. */
export type Save = (download: Download) => () => void;
