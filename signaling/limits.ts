import type { Rate } from './token-bucket.ts';

/** Every bound of the signaling server: its unit in the name, its reason beside it. */
export interface Limits {
  /** One message of the transport: a payload in base64 and its envelope, or a few of them in one polling request. */
  readonly messageBytes: number;
  /** Connections in all: each costs some 30 KB. */
  readonly sockets: number;
  /** A school behind one address; an IPv6 /56 counts as one. */
  readonly socketsPerAddress: number;
  /** TCP connections in all: every one of `sockets`, and a few for pages being loaded. */
  readonly tcpConnections: number;
  /** TCP connections of an address that is no trusted proxy: polling takes two, loading the page six. */
  readonly tcpConnectionsPerAddress: number;
  /** Handshakes per address: above a restart's rush of `socketsPerAddress`. */
  readonly connections: Rate;
  /** Transport packets of one connection, acknowledged or not: above it nothing well-meant happens. */
  readonly packets: Rate;
  /** Requests of one connection; the relays a client may send (`RELAYS_PER_SECOND`) and room for the others. */
  readonly requests: Rate;
  /** Malformed or over-rate requests of one connection before it is cut. */
  readonly offences: Rate;
  /** Joins per address. */
  readonly joins: Rate;
  /** What a join to a slot that is not open costs: ten guesses a minute, so that slots are not worth enumerating. */
  readonly missedSlotCost: number;
  /** Slots opened per address. */
  readonly slots: Rate;
  /** Addresses remembered per rate; the one unseen longest is forgotten first. */
  readonly rateEntries: number;
  /** Queued for a connection that does not read, before it is cut: some thirty of the largest payloads. */
  readonly backlogBytes: number;
  /** Queued for all connections: above it nothing is relayed, so that many who do not read fill no memory. */
  readonly backlogBytesInAll: number;
  /** Rooms in all, kept ones included: each costs about 1 KB. */
  readonly rooms: number;
  /** Rooms that connections of one address have made; a school's shares. */
  readonly roomsPerAddress: number;
  /** Rooms that one connection is in. */
  readonly roomsPerSocket: number;
  /** From opening a slot to its end: long enough to read a code over the phone twice, short enough to guess little. */
  readonly slotLifetimeMs: number;
  /** For how long an ended slot is not given out again, so that an old code does not spend a new one's guesses. */
  readonly slotRestMs: number;
  /** Ended slots remembered; the oldest returns early above it. */
  readonly restingSlots: number;
  /** For how long a room is kept for a sender whose connection was lost. */
  readonly senderGraceMs: number;
  /** From joining a code room with its sender there to the first relay: a handshake begins at once. */
  readonly firstRelayMs: number;
  /** Between relays of a receiver in a code room: it is there for one handshake. */
  readonly idleMs: number;
  /** Heartbeats: how often a ping, and how long its answer may take. A sender whose line was cut must be back in seconds. */
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  /** From opening a connection to the Socket.IO handshake, to the end of TLS', and of each request's headers. */
  readonly helloMs: number;
  /** From the first byte of an HTTP request to its last: 64 KiB over a slow line. */
  readonly requestMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  messageBytes: 64 * 1024,
  pingIntervalMs: 5_000,
  pingTimeoutMs: 4_000,
  sockets: 10_000,
  socketsPerAddress: 200,
  tcpConnections: 12_000,
  tcpConnectionsPerAddress: 600,
  connections: { burst: 300, perSecond: 5 },
  packets: { burst: 2000, perSecond: 500 },
  requests: { burst: 300, perSecond: 100 },
  offences: { burst: 100, perSecond: 1 },
  joins: { burst: 240, perSecond: 4 },
  missedSlotCost: 24,
  slots: { burst: 120, perSecond: 1 },
  rateEntries: 50_000,
  backlogBytes: 512 * 1024,
  backlogBytesInAll: 256 * 1024 * 1024,
  rooms: 50_000,
  roomsPerAddress: 1000,
  roomsPerSocket: 64,
  slotLifetimeMs: 30 * 60_000,
  slotRestMs: 24 * 3_600_000,
  restingSlots: 200_000,
  senderGraceMs: 5 * 60_000,
  firstRelayMs: 5000,
  idleMs: 60_000,
  helloMs: 10_000,
  requestMs: 30_000,
};
