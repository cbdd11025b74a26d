/** Every bound of the transport: its unit in the name, its reason beside it. */

import { DEFAULT_CREDIT_BYTES, MAX_FRAME_PAYLOAD_BYTES } from '#protocol/limits.ts';
import { RELAY_BURST } from '#protocol/signaling.ts';

/** A data channel's queue: enough to never run dry, far below the 16 MiB at which Chromium refuses. */
export const HIGH_WATER_BYTES = 4 * 1024 * 1024;

/** A threshold of 0 would wait for an empty queue and leave the wire idle meanwhile. */
export const LOW_WATER_BYTES = 1024 * 1024;

/**
 * A lane's queue, answers that nobody waits for included: frames stop at the high-water mark, control messages of which
 * 256 are unacknowledged come on top. Where Chromium refuses, the others would go on until memory is full.
 */
export const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;

/** ICE's own failure takes 15 s in Chromium and 39 s in libjuice; most punches take under 1.4 s. */
export const CONNECT_TIMEOUT_MS = 20_000;

/** One handshake run, network round trips and both sides' curves included. */
export const HANDSHAKE_TIMEOUT_MS = 15_000;

/** Lanes offered in one session: some hundred changes of mind. Each costs a connection, and a mapping in every NAT. */
export const MAX_OFFERED_LANES = 1024;

/** Lanes that could not be had are asked for again after this. */
export const LANES_AGAIN_MS = 5_000;

/** What a lane delivers in such a time is sent as one frame, where the bounds of frames allow. */
export const FRAME_MS = 10;

/** For what is on its way on a lane that is to carry nothing more. */
export const REST_TIMEOUT_MS = 2_000;

/** For the other side to name where it may be dialled: two seconds to ask STUN servers, and what the messages take. */
export const TCP_PATIENCE_MS = 15_000;

/** Below it two machines are on one LAN, or on one: TCP then needs no help. */
export const NEAR_RTT_MS = 5;

/** How often the sender looks whether lanes stall, and how many it wants. */
export const LANES_LOOK_MS = 50;

/** A lane that stands must be proven by both sides within this. */
export const PROOF_TIMEOUT_MS = 10_000;

/** Each side says at least this much on every lane. */
export const PING_INTERVAL_MS = 1_000;

/** When a new lane's route is looked at, besides at each pong: ICE settles on a pair in its first second. */
export const ROUTE_LOOKS_MS = [100, 500, 1500];

/**
 * Pings in a row without a word from the peer: after so many a session is silent and another way is sought, after so many
 * a lane is dead. Counted, not timed: a sleeping laptop hears nothing either.
 */
export const SILENT_PINGS = 2;
export const DEAD_PINGS = 9;

/** Between attempts to meet a sender again, and at least from one meeting to the next attempt. */
export const MEET_AGAIN_DELAY_MS = 500;

/** For telling a sender that is gone that everything has arrived. */
export const LAST_WORD_PATIENCE_MS = 10_000;

/** Names a delivery over all of its sessions; random, so that nobody else's can be taken over. */
export const DELIVERY_ID_BYTES = 16;

/** Names a share where what is held of it is kept: of a hash of the link's secret, which it does not tell. */
export const SHARE_ID_BYTES = 16;

/** Receivers that went away in the middle and may come back: what a share remembers of them. */
export const MAX_ABSENT_RECEIVERS = 256;

/** Time for the last words (`bye`) to be acknowledged. */
export const GOODBYE_TIMEOUT_MS = 3_000;

/** Time for the acknowledgement of the peer's last words to leave before this side closes too. */
export const LINGER_MS = 200;

/** What a description without `a=max-message-size` means (RFC 8841, section 6.1); above every control message that is said. */
export const MIN_LANE_MESSAGE_BYTES = 64 * 1024;

/** ICE candidates taken from a peer for one lane: libjuice keeps 30, and each costs connectivity checks. */
export const MAX_REMOTE_CANDIDATES = 64;

/** Handshakes a share runs at once: each costs about 3 ms of curve arithmetic. */
export const MAX_HANDSHAKES = 8;

/** Receivers served at once: each holds a connection and up to its credit in memory. */
export const MAX_RECEIVERS = 32;

/** Lanes of all receivers together, about: who comes later is given fewer. Chromium makes some 500 connections a page. */
export const MAX_SHARE_LANES = 64;

/** What a sender reads ahead of the wire, in bytes and in blocks. */
export const READ_AHEAD_BYTES = 4 * 1024 * 1024;
export const READ_AHEAD_BLOCKS = 32;

/** So often a file that seems to be written to is read again; one that never comes to rest is given up. */
export const READ_AGAIN_TIMES = 3;

/** Buffers of frames that arrived, kept for others: all that credit lets be on its way. */
export const SPARE_FRAMES = DEFAULT_CREDIT_BYTES / MAX_FRAME_PAYLOAD_BYTES;

/** A code names a sender who is waiting: one that is not there within this is not coming. */
export const SENDER_TIMEOUT_MS = 10_000;

/** For the server's first answer, and for each after it: a slow phone network needs seconds, a person waits no longer. */
export const SERVER_PATIENCE_MS = 10_000;

/** For the server's first word to one who knocks: a request and its answer, and what a new connection takes. */
export const KNOCK_PATIENCE_MS = 3_000;

/** One event of what is answered: a payload of 16 KiB in base64url, and what is around it. */
export const MAX_EVENT_CHARS = 32_768;

/** For a way to the server to open: three fit into the patience; a cable that is back is not waited for longer. */
export const SERVER_CONNECT_TIMEOUT_MS = 3_000;

/** Between attempts to reach a server that was lost: soon at first, and never so seldom that a person would notice. */
export const RECONNECT_DELAY_MS = 250;
export const MAX_RECONNECT_DELAY_MS = 1_000;

/** For a server that is asked whether it is there: a dead way is left soon, and a slow phone network gets by. */
export const SERVER_CHECK_MS = 1_000;

/** Between attempts to rejoin where the server says that it is too much just now: its allowances grow by the second. */
export const REJOIN_DELAY_MS = 2_000;

/** Relays that wait for their turn: far more than handshakes need. Whoever floods a share gets no answers any more. */
export const MAX_WAITING_RELAYS = 2 * RELAY_BURST;

/** What is read of an ICE-server document: one of eight servers is under 20,000. */
export const MAX_CONFIG_CHARS = 65_536;

/** A snapshot of a transfer after a change that people wait for. */
export const STATUS_INTERVAL_MS = 100;

/** The same where only the numbers grow: painting ten times a second takes a fifteenth of a page's main thread. */
export const COUNTS_INTERVAL_MS = 250;
