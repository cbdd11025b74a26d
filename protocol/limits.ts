/** Every bound of the protocol: its unit in the name, its reason beside it. */

/** A file is cut into blocks of this size; a block is what is hashed, acknowledged and fetched again. */
export const BLOCK_BYTES = 1024 * 1024;

/** Payload of one data frame. Measured: 16, 64 and 256 KiB are equally fast; 64 KiB fits every peer's a=max-message-size. */
export const FRAME_PAYLOAD_BYTES = 64 * 1024 - 64;

/** Any message on a lane. Above every frame and control message, below Chromium's 262,144. */
export const MAX_LANE_MESSAGE_BYTES = 128 * 1024;

/** A control message, encoded. */
export const MAX_CONTROL_BYTES = 64 * 1024;

/** Control messages sent and not yet acknowledged: the sender of them waits above this. */
export const MAX_UNACKNOWLEDGED_CONTROLS = 256;

/** Entries in a manifest: a receiver must hold them all to show them. */
export const MAX_ENTRIES = 1_000_000;

/** All manifest pages together, encoded. */
export const MAX_MANIFEST_BYTES = 256 * 1024 * 1024;

/** An entry's path, UTF-8. Linux's PATH_MAX. */
export const MAX_PATH_BYTES = 4096;

/** A file's size: 2^53 - 1, the largest integer that JSON carries exactly, is 8 PiB. */
export const MAX_FILE_BYTES = Number.MAX_SAFE_INTEGER;

/** Bytes asked for and not yet acknowledged, over all lanes: what a slow disk can make the receiver hold. */
export const DEFAULT_CREDIT_BYTES = 16 * 1024 * 1024;

/** The most credit a sender honours, so that a hostile receiver cannot make it hold more bookkeeping. */
export const MAX_CREDIT_BYTES = 256 * 1024 * 1024;

/** Ranges asked for and not yet served. The receiver keeps within it; a sender refuses more. */
export const MAX_PENDING_RANGES = 4096;

/** Reads of one block that may mismatch before its file is given up. */
export const MAX_BLOCK_ATTEMPTS = 3;
