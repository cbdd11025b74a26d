import { constants } from 'node:fs/promises';

/** Opens a file to be read, whatever lies there by now: no link is followed, and nothing is waited for at a pipe. Windows knows neither flag. */
export const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
