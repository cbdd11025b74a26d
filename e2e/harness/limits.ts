/** How long the harness waits; all of them are for two busy cores. */

/** For an event of a program: the longest wait in a healthy run is a browser's first connection, about 5 s. */
export const EVENT_TIMEOUT_MS = 30_000;

/** For a program to end by itself after SIGTERM, before it is killed. */
export const STOP_GRACE_MS = 5_000;

/** For a whole transfer between two pages, of at most some 100 MB. */
export const TRANSFER_TIMEOUT_MS = 45_000;
