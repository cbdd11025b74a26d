import { DEFAULT_CREDIT_BYTES } from '#protocol/limits.ts';

/** What is sent, if all cells run: ten seconds on the link. */
export const FILE_BYTES = 50 * 1024 * 1024;

/** In the short form. */
export const SHORT_FILE_BYTES = FILE_BYTES / 2;

/** Sent and not yet acknowledged when something ends, at both ends of a fault. */
export const MAX_SENT_TWICE_BYTES = 2 * DEFAULT_CREDIT_BYTES;

/** More than the queues of both links hold: when so much has come, data flows again. */
export const FLOW_BYTES = 512 * 1024;

/** From a usable route, or a program that is at it again, to data. */
export const MAX_FLOW_MS = 5_000;

/** Until a cell gives up on data: long enough to say by how much it is too late. */
export const FLOW_PATIENCE_MS = 40_000;

/** To a moment, or from a fault to the end: some 12 s for all of it, and ten times that on two busy cores. */
export const PART_TIMEOUT_MS = 90_000;

/** One cell, with its lab, server and browsers. */
export const CELL_TIMEOUT_MS = 240_000;
