import { BLOCK_BYTES } from '#protocol/limits.ts';

/** Every bound of the page: its unit in the name, its reason beside it. */

/**
 * Where a page has no disk, deliveries below this are gathered in memory: beyond it a Blob costs three times its size in
 * two processes.
 */
export const BLOB_SINK_MAX_BYTES = 64 * 1024 * 1024;

/** Deliveries below this, a block, are gathered in memory in any case: interrupted, they would hardly have begun. */
export const NOTHING_TO_KEEP_BYTES = BLOCK_BYTES;

/** What one entry adds to an archive beside its path, which stands there twice: its headers, at most about. */
export const ARCHIVE_ENTRY_BYTES = 150;

/** Buffer for closing a gap in an archive. Measured: 256 KiB to 1 MiB write fastest to OPFS. */
export const MOVE_BYTES = 1024 * 1024;

/** Buffer for an archive's central directory; above any single record (64 KiB name, 46 bytes, extra fields). */
export const APPEND_BYTES = 1024 * 1024;

/**
 * A delivery that was handed over and then left stays this long: the browser may still be copying it to its downloads,
 * which goes at 250 MB/s at least, so 150 GB are covered.
 */
export const EXPORT_GRACE_MS = 10 * 60 * 1000;

/**
 * How long an interrupted delivery is kept for another run: over a weekend and more, but the disk is not the page's to
 * keep. Where the disk is full, others' go earlier.
 */
export const HELD_MS = 7 * 24 * 60 * 60 * 1000;

/** How long a page waits for its place: one that was reloaded may need a moment to let go of it. */
export const PLACE_PATIENCE_MS = 3000;

/** Between two tries to open a file that somebody else has open. */
export const PLACE_RETRY_MS = 50;

/** A journal above this is not read and its delivery starts over: 10 TiB have some 530 MB of records. */
export const MAX_JOURNAL_BYTES = 1024 * 1024 * 1024;

/** How long a share whose page was closed can be gone on with: as long as a receiver keeps what it has of it. */
export const KEPT_SHARE_MS = HELD_MS;

/** How long a page waits for the share of the page that it was before a reload. */
export const OFFER_LOCK_PATIENCE_MS = 1000;

/** Rows of a folder that are shown at once; more on demand. Above some thousands a page stutters. */
export const ROWS_AT_ONCE = 200;

/** Receivers that a long share still lists after their end; those that run are always listed. */
export const ENDED_RECEIVERS_LISTED = 50;

/** A tree up to this many files and folders is shown open: it fits a screen or two. */
export const OPEN_TREE_LEAVES = 24;

/** Files up to this reach the page by a single read of the disk, behind a look at their time: nothing gets in between. */
export const READ_IN_ONE_GO_BYTES = 64 * 1024;
