/** Every bound of TCP lanes: its unit in the name, its reason beside it. */

/** From `meet` to a lane or none: a data channel carries the transfer meanwhile. */
export const MEETING_TIMEOUT_MS = 10_000;

/** Dials of one meeting, repeated ones included: a peer must not make a scanner of this machine. */
export const MAX_DIALS = 20;

/** Dials of one private address: where nobody answers, it is mostly of somebody else's LAN. What is left is for punching. */
export const MAX_DIALS_WITHIN_A_LAN = 2;

/** One dial: a SYN that crosses another arrives within a round trip; the kernel's own repetition comes after this. */
export const DIAL_TIMEOUT_MS = 1_000;

/** Between two rounds of dials, drawn anew for each: two sides in step would miss each other again and again. */
export const MIN_PAUSE_MS = 50;
export const MAX_PAUSE_MS = 100;

/** For a connection to prove itself: TCP, TLS and the proofs take three round trips. */
export const PROOF_TIMEOUT_MS = 5_000;

/** Accepted connections that have proven nothing, from addresses that the peer named and, apart from those, from others. */
export const MAX_UNPROVEN = 8;

/** Connections that have proven themselves and are not chosen yet: a peer that makes more is not going to choose. */
export const MAX_PROVEN = 8;

/** How long a way around may wait for a straight one, where both sides are on one LAN and the router reflects. */
export const BETTER_WAY_MS = 50;

/** STUN servers asked over TCP: a second one is for when the first is down. */
export const MAX_STUN_SERVERS = 2;

/** For all of them together; one that answers does so in two round trips. */
export const STUN_TIMEOUT_MS = 2_000;

/** A Binding response: 44 bytes with an IPv6 address, and what a server says of itself. */
export const MAX_STUN_MESSAGE_BYTES = 1_024;

/** Buffers of messages, kept for others: each is given back before the next is read, but for what came too early. */
export const SPARE_MESSAGES = 4;

/** For the last bytes of a lane that closes to leave. */
export const CLOSE_TIMEOUT_MS = 3_000;
