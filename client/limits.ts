/** Every bound of the page: its unit in the name, its reason beside it. */

/** Deliveries below this are gathered in memory: beyond it a Blob costs three times its size in two processes. */
export const BLOB_SINK_MAX_BYTES = 64 * 1024 * 1024;

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

/** Rows of a folder that are shown at once; more on demand. Above some thousands a page stutters. */
export const ROWS_AT_ONCE = 200;

/** Receivers that a long share still lists after their end; those that run are always listed. */
export const ENDED_RECEIVERS_LISTED = 50;

/** A tree up to this many files and folders is shown open: it fits a screen or two. */
export const OPEN_TREE_LEAVES = 24;
