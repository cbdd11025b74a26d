import type { SecureSession } from '#protocol/handshake/secure-session.ts';
import type { TcpAddresses } from '#protocol/handshake/tcp-addresses.ts';
import type { Lane, Route } from './lane.ts';

/**
 * What of a session a lane over TCP needs: who dials means nothing, the session's receiver is always the TLS client.
 * @see docs/handshake.md "Lanes over TLS"
 */
export type TcpLaneKeys = Pick<SecureSession, 'role' | 'tlsPsk' | 'tlsLaneProof' | 'checkTlsLaneProof'>;

/** A lane that stands: both sides have proven themselves on it, the share's sender has chosen it. */
export interface TcpLane {
  /** Not attached. Whoever takes it closes it. */
  readonly lane: Lane;
  /** `lan` where the other end is a private address that the peer named as its own, else `direct`. */
  readonly route: Route;
}

/** One TCP port of this side, by which one lane can be made. Whoever prepared it closes it. */
export interface TcpMeetingPoint {
  /** To be told to the peer, sealed: where this side is dialled. May be empty. */
  readonly addresses: TcpAddresses;

  /**
   * Dials the peer's addresses and is dialled, at once and repeatedly, until one lane stands; both sides do so at about
   * the same time. May be called once. Connections that came earlier have waited for it.
   * @param theirs of the peer's meeting point; which of them are dialled is decided here, and the peer is not told
   * @throws TransferError `no-route` when nothing has come of it within 10 s, `cancelled` once closed
   */
  meet(theirs: TcpAddresses, keys: TcpLaneKeys): Promise<TcpLane>;

  /** Ends what is under way and frees the port; a lane that stands stays. Idempotent. */
  close(): void;
}

/** Makes lanes over TCP, which only some platforms can. Each meeting point gives one lane: for several, prepare several. */
export interface TcpLaneMaker {
  /**
   * Takes a port, learns its addresses and is ready to be dialled. Takes at most 2 s.
   * @param stunUrls `stun:host:port`, asked over TCP from that port; none are needed on one LAN
   * @throws the signal's reason when aborted, the system's error where there is no port to be had
   */
  prepare(options: { stunUrls: readonly string[]; signal: AbortSignal }): Promise<TcpMeetingPoint>;
}
