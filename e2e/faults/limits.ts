import { DEFAULT_CREDIT_BYTES } from '#protocol/limits.ts';

/** 50 blocks, of which each is two parts of the hundred that a page shows. */
export const FILE_BYTES = 50 * 1024 * 1024;

/** Sent and not yet acknowledged when something ends, at both ends of a fault. */
export const MAX_SENT_TWICE_BYTES = 2 * DEFAULT_CREDIT_BYTES;

/** More than the queues of both links hold: when so much has come, data flows again. */
export const FLOW_BYTES = 512 * 1024;

/** From a usable route, or a program that is at it again, to data. */
export const MAX_FLOW_MS = 5_000;

/** Until a cell gives up on data: long enough to say by how much it is too late. */
export const FLOW_PATIENCE_MS = 40_000;

/** To a moment, or from a fault to the end; a healthy one takes 12 s for all of it. */
export const PART_TIMEOUT_MS = 45_000;

/** One cell, with its lab, server and browsers. */
export const CELL_TIMEOUT_MS = 150_000;
