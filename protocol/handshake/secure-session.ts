import type { SealedPayload } from './sealed-payload.ts';

/** The two ends of a session: who offers files and who takes them. */
export type Role = 'sender' | 'receiver';

/** SHA-256 of the certificates that the two ends of one connection presented: 32 raw bytes each. */
export interface Fingerprints {
  readonly sender: Uint8Array;
  readonly receiver: Uint8Array;
}

/** Two authenticated peers: what either of them holds once a handshake has succeeded. */
export interface SecureSession {
  readonly role: Role;
  /** Names the run that made it; every sealed message carries it in its header. */
  readonly run: string;
  /** The share's K, 16 bytes, proven: a receiver who came by code keeps it and returns by link. */
  readonly k: Uint8Array;
  /** The version that both sides speak. */
  readonly version: number;

  /** Seals one message to the peer. */
  seal(payloads: readonly SealedPayload[]): Uint8Array<ArrayBuffer>;

  /**
   * Opens one message from the peer. A throw leaves the session as it was: the caller decides whether to end it.
   * @throws TransferError `tampered` for a message not sealed by the peer for this place: altered, replayed, reflected
   * @throws ProtocolViolation for one that the peer sealed and should not have
   */
  open(message: Uint8Array): SealedPayload[];

  /** First message of this side on a lane, 32 bytes. @param laneId agreed by both, never used twice */
  laneProof(laneId: string, fingerprints: Fingerprints): Uint8Array<ArrayBuffer>;

  /** Whether `proof` is the other side's first message on this very connection. Constant time. */
  checkLaneProof(laneId: string, fingerprints: Fingerprints, proof: Uint8Array): boolean;
}
