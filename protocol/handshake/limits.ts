/** Bounds of the handshake: the unit in the name, the reason beside it. @see docs/handshake.md */

/** Any message of the handshake: what a signaling server relays (`MAX_PAYLOAD_BYTES` there). */
export const MAX_MESSAGE_BYTES = 16 * 1024;

/**
 * Padded payloads of one sealed message: what of the above the header, a MAC, seq and tag leave, in whole steps of
 * padding. An offer with 30 candidates is about 4 KiB; a peer that has more to say sends a second message.
 */
export const MAX_PLAINTEXT_BYTES = 63 * 256;

/** Sealed payloads are padded to a multiple of this, so that their length tells little. */
export const PADDING_BYTES = 256;

/** Payloads in one sealed message. */
export const MAX_PAYLOADS = 64;

/** A session description: a data-channel-only one is under 1 KiB, with every candidate in it about 4 KiB. */
export const MAX_SDP_CHARS = 8 * 1024;

/** An ICE candidate's line; the longest seen are about 200. */
export const MAX_CANDIDATE_CHARS = 1024;

/** A lane's id: short enough to read in a log, long enough for random ones. */
export const MAX_LANE_ID_CHARS = 32;

/** Addresses that a peer may be dialled at: a few of its machine, IPv4 and IPv6, and what STUN servers saw. */
export const MAX_TCP_ADDRESSES = 8;

/** A delivery's id: random, so that nobody returns in another's place. */
export const DELIVERY_ID_BYTES = 16;

/** Versions in one hello; each is one byte. */
export const MAX_VERSIONS = 16;

/** The capabilities field, kept for later. */
export const MAX_CAPABILITIES_BYTES = 256;

/** What a sender grants one code, abandoned runs included. Three words are 33 bits: 3 guesses are a 2^-31 chance. */
export const MAX_GUESSES_PER_CODE = 3;

/** Runs that one typing of a code starts, reconnects included: the receiver confirms first, so each is a guess given away. */
export const MAX_RUNS_PER_TYPED_CODE = 3;

/** Codes that a share shows one after the other when they burn. After that somebody is guessing: only the link is left. */
export const MAX_CODES_PER_SHARE = 3;
