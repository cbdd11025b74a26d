/** Every bound of the STUN server: its unit in the name, its reason and source beside it. */

/** A Binding request is 20 to 100 bytes; RFC 8489 section 6.1 keeps requests of unknown path MTU below 548. Ample above both. */
export const MAX_REQUEST_BYTES = 4096;

/** Types listed in UNKNOWN-ATTRIBUTES: 92 bytes of reply at most, whatever the request holds. */
export const MAX_UNKNOWN_ATTRIBUTES = 16;

/** RESPONSE-PORT lets anyone have an answer sent to any port of the address it claims: never to a system's services. */
export const MIN_RESPONSE_PORT = 1024;

/** The default of 208 KiB drops bursts while the event loop is busy; 4 MiB holds about 5,000 requests. */
export const UDP_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Tries for a free port that UDP and TCP share, where any will do. Each try fails only when the other protocol's number is taken. */
export const MAX_PORT_ATTEMPTS = 16;

/** What TCP clients may hold. */
export interface TcpLimits {
  readonly maxConnections: number;
  /** An address is an IPv4 address or an IPv6 /64, which is what one subscriber has. */
  readonly maxConnectionsPerAddress: number;
  /** From the accept, or the last whole message, to the next whole one. Bytes alone do not extend it. */
  readonly messageDeadlineMs: number;
}

export const TCP_LIMITS: TcpLimits = {
  // Well within the 1,024 file descriptors that systems grant by default.
  maxConnections: 512,
  // Several households behind one carrier-grade NAT, each for the second that a Binding takes.
  maxConnectionsPerAddress: 32,
  // Ti of RFC 8489 section 6.2.2: a client gives its transaction up after 39.5 s.
  messageDeadlineMs: 39_500,
};

/**
 * A probe is sent at 0, 250 and 750 ms and waited for until 2 s: RFC 8489 section 6.2.1 with RTO = 250 ms, Rc = 3 and
 * Rm = 5. Two losses and a round trip of 1.2 s are borne, and a filter that drops everything costs 2 s, not 39.5.
 */
export const PROBE_WAITS_MS = [250, 500, 1250] as const;

/** Between new transactions: RFC 5780 section 5 allows ten a second. */
export const PROBE_GAP_MS = 100;

/** Sockets that ask once each, in turn, to see how ports are chosen: four steps, within 0.4 s. Four of them serve again. */
export const FRESH_SOCKETS = 5;

/** A TCP connection and one answer: two round trips of 300 ms and as much again. */
export const TCP_PROBE_TIMEOUT_MS = 1200;

/** Moments between nothing and the bound at which a mapping is looked for, all in one run. */
export const LIFETIME_STEPS = 8;
