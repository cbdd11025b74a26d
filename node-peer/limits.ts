/** Every bound of the Node peer: its unit in the name, its reason beside it. */

/** Files that a source or a sink keeps open; others are opened again. The usual limit of a process is 1024. */
export const MAX_OPEN_FILES = 128;

/** Folders kept open, for what is done in them (`linkless-folders.ts`). */
export const MAX_OPEN_FOLDERS = 64;

/** Calls to the disk under way at once where many are to be made. libuv carries out four at a time. */
export const DISK_CALLS_AT_ONCE = 16;

/** Numbers tried for a name that is taken, one after the other, before something must be wrong with the disk. */
export const MAX_NAMES_TRIED = 10_000;

/** One record of a sink's journal: two paths of 4096 bytes, and numbers. */
export const MAX_JOURNAL_RECORD_BYTES = 16 * 1024;

/** What of a journal is read: a million files with their longest paths, or blocks of some 8 TiB. */
export const MAX_JOURNAL_BYTES = 512 * 1024 * 1024;

/** Processes that do the same thing in the same place at once: each has a folder of its own. */
export const MAX_CLAIMED_FOLDERS = 1000;

/** How often a lock is touched while it is held, for those on other machines who share the disk. */
export const LOCK_TOUCH_MS = 15_000;

/** A lock of another machine, whose processes cannot be seen, holds so long after it was touched last. */
export const LOCK_SILENCE_MS = 60_000;

/** Files up to this are read and written whole, by calls that take microseconds where the disk is quick (`quick-calls.ts`). */
export const SMALL_FILE_BYTES = 64 * 1024;

/** Buffers of blocks that were sent, kept for others: what is read ahead, and one that is being sent. */
export const SPARE_BLOCKS = 5;

/** What a call of a small file takes on a quick disk, at most and on average. Local ones answer in 5 to 50 µs. */
export const QUICK_CALL_MS = 0.1;

/** By how much calls may be late together before they are made elsewhere: a session that stands still so long goes unnoticed. */
export const SLOWNESS_MS = 5;

/** Calls made elsewhere then, some 40 files: a slow disk is tried again so seldom that this costs little. */
export const SLOW_CALLS = 256;

/** Written to a file that still arrives, before its disk is made to begin: half a second of a quick one. */
export const EARLY_SYNC_BYTES = 64 * 1024 * 1024;

/** Saved files from which on one sync of their disk is less than one of each; it writes out what others have written too. */
export const SYNC_WHOLE_DISK_FILES = 64;
