/** Every bound of the Node peer: its unit in the name, its reason beside it. */

/** Files that a source or a sink keeps open; others are opened again. The usual limit of a process is 1024. */
export const MAX_OPEN_FILES = 128;

/** Folders kept open, for what is done in them (`linkless-folders.ts`). */
export const MAX_OPEN_FOLDERS = 64;

/** Calls to the disk under way at once where many are to be made. libuv carries out four at a time. */
export const DISK_CALLS_AT_ONCE = 16;

/** Numbers tried for a name that is taken, one after the other, before something must be wrong with the disk. */
export const MAX_NAMES_TRIED = 10_000;
