/** Every bound of the protocol: its unit in the name, its reason beside it. */

/** A file is cut into blocks of this size; a block is what is hashed, acknowledged and fetched again. */
export const BLOCK_BYTES = 1024 * 1024;

/** Frames begin at multiples of this within their block: what may be missing of a block is then one bit for each. */
export const FRAME_UNIT_BYTES = 16 * 1024;

/** Payload of one data frame at most. Measured: 16, 64 and 256 KiB are equally fast; 64 KiB keeps a lane's turns short. */
export const MAX_FRAME_PAYLOAD_BYTES = 64 * 1024;

/** Lanes of a session: so many still paid at 0.5 % loss over 50 ms, in Chromium and Node alike; 64 hardly moved more. */
export const MAX_LANES = 32;

/** Any message on a lane. Above every frame and control message, below Chromium's 262,144. */
export const MAX_LANE_MESSAGE_BYTES = 128 * 1024;

/** A control message, encoded. */
export const MAX_CONTROL_BYTES = 64 * 1024;

/** Control messages sent and not yet acknowledged: whoever has more to say waits, and refuses what would run ahead of it. */
export const MAX_UNACKNOWLEDGED_CONTROLS = 256;

/** Control messages that wait because 256 are unacknowledged: a peer that causes more than it takes in is cut off. */
export const MAX_WAITING_CONTROLS = 4096;

/** The same in bytes: some 120 pages of a manifest, of which a receiver has 24 on their way. */
export const MAX_WAITING_CONTROL_BYTES = 4 * 1024 * 1024;

/** Pages that follow the manifest's announcement unasked: 64 to 128 KiB, which is all of most shares, and a round trip less. */
export const PAGES_UNASKED = 4;

/** Pages of the manifest asked for in one message: what a receiver takes in at a time. */
export const MAX_PAGES_ASKED = 16;

/** Blocks in one range of a request (4 GiB): what a receiver must keep books on grows with what arrives, not with what is claimed. */
export const MAX_RANGE_BLOCKS = 4096;

/** Ranges, acknowledgements or roots in one control message, so that it stays below MAX_CONTROL_BYTES. */
export const MAX_LIST_ITEMS = 512;

/** Entries in a manifest: a receiver must hold them all to show them. */
export const MAX_ENTRIES = 1_000_000;

/** All entries of a manifest, encoded: what a receiver must hold. */
export const MAX_MANIFEST_BYTES = 256 * 1024 * 1024;

/** An entry's path, UTF-8. Linux's PATH_MAX. */
export const MAX_PATH_BYTES = 4096;

/** One name of a path where it is saved, UTF-8: NAME_MAX of ext4, XFS, Btrfs and APFS; NTFS holds 255 UTF-16 units. */
export const MAX_NAME_BYTES = 255;

/** A file's size: 2^53 - 1, the largest integer that JSON carries exactly, is 8 PiB. */
export const MAX_FILE_BYTES = Number.MAX_SAFE_INTEGER;

/** Bytes asked for and not yet acknowledged, over all lanes: what a slow disk can make the receiver hold. */
export const DEFAULT_CREDIT_BYTES = 16 * 1024 * 1024;

/** The most credit a sender honours, so that a hostile receiver cannot make it hold more bookkeeping. */
export const MAX_CREDIT_BYTES = 256 * 1024 * 1024;

/** Ranges asked for and not yet served. The receiver keeps within it; a sender refuses more. */
export const MAX_PENDING_RANGES = 4096;

/** Ranges of leaves asked for and not yet told: 512 MiB of a file each, 24 KiB on the wire. */
export const MAX_COMPARES_ASKED = 16;

/** Reads of one block that may mismatch before its file is given up. */
export const MAX_BLOCK_ATTEMPTS = 3;
