import { equalBytes } from '@noble/ciphers/utils.js';
import { TransferError } from '../errors.ts';
import { unwrap, wrap } from './envelope.ts';
import { type Fingerprints, laneProof } from './lane-proof.ts';
import { otherRole, type Role } from './role.ts';
import type { SealedChannel } from './sealed-channel.ts';
import { encodePayloads, parsePayloads, type SealedPayload } from './sealed-payload.ts';
import { tlsLaneProof, tlsPsk } from './tls-lane.ts';

/** What a handshake hands over to the session it made. */
export interface SessionParts {
  readonly role: Role;
  readonly run: string;
  readonly sid: Uint8Array;
  readonly k: Uint8Array;
  readonly version: number;
  readonly channel: SealedChannel;
  readonly bindKey: Uint8Array;
  readonly tlsKey: Uint8Array;
}

/** Two authenticated peers: what either of them holds once a handshake has succeeded. Nothing else makes one. */
export class SecureSession {
  readonly role: Role;
  /** Names the run that made it; every sealed message carries it in its header. */
  readonly run: string;
  /** The share's K, 16 bytes, proven by its owner: a receiver who came by code keeps it and returns by link. */
  readonly k: Uint8Array;
  /** The highest version that both sides speak. */
  readonly version: number;
  readonly #sid: Uint8Array;
  readonly #channel: SealedChannel;
  readonly #bindKey: Uint8Array;
  readonly #tlsKey: Uint8Array;
  readonly #provenTlsLanes = new Set<string>();

  constructor(parts: SessionParts) {
    this.role = parts.role;
    this.run = parts.run;
    this.k = parts.k;
    this.version = parts.version;
    this.#sid = parts.sid;
    this.#channel = parts.channel;
    this.#bindKey = parts.bindKey;
    this.#tlsKey = parts.tlsKey;
  }

  /** Seals one message to the peer. @throws RangeError for more payloads than one message holds */
  seal(payloads: readonly SealedPayload[]): Uint8Array<ArrayBuffer> {
    return wrap('sealed', this.#sid, this.#channel.seal(encodePayloads(payloads)));
  }

  /**
   * Opens one message from the peer.
   * @throws TransferError `tampered` for what the server can have made: altered, replayed, reflected, not a sealed
   *   message of this run. It leaves the session as it was: the caller ends it, or drops the message.
   * @throws ProtocolViolation for payloads that the peer sealed and that are out of form
   */
  open(message: Uint8Array): SealedPayload[] {
    const { type, run, body } = unwrap(message);
    if (type !== 'sealed' || run !== this.run) {
      throw new TransferError('tampered', `a message ${type} within a session`);
    }
    return parsePayloads(this.#channel.open(body));
  }

  /**
   * First message of this side on a lane, 32 bytes.
   * @param laneId agreed by both, never used twice
   * @throws RangeError for a fingerprint that is not 32 bytes
   */
  laneProof(laneId: string, fingerprints: Fingerprints): Uint8Array<ArrayBuffer> {
    return laneProof(this.#bindKey, this.role, laneId, fingerprints);
  }

  /** Whether `proof` is the other side's first message on this very connection. Constant time. @throws RangeError */
  checkLaneProof(laneId: string, fingerprints: Fingerprints, proof: Uint8Array): boolean {
    return equalBytes(laneProof(this.#bindKey, otherRole(this.role), laneId, fingerprints), proof);
  }

  /** Pre-shared key of the TLS connection that is to be the lane `laneId`: 32 bytes, the same on both sides. */
  tlsPsk(laneId: string): Uint8Array<ArrayBuffer> {
    return tlsPsk(this.#tlsKey, laneId);
  }

  /**
   * First message of this side on a lane over TLS, 32 bytes.
   * @param exported keying material of this very connection, 32 bytes (RFC 8446, section 7.5)
   * @throws RangeError for another length of it
   */
  tlsLaneProof(laneId: string, exported: Uint8Array): Uint8Array<ArrayBuffer> {
    return tlsLaneProof(this.#bindKey, this.role, laneId, exported);
  }

  /**
   * Whether `proof` is the other side's first message on this very TLS connection, and no other connection has proven
   * itself to be the lane `laneId` before. Constant time. @throws RangeError
   */
  checkTlsLaneProof(laneId: string, exported: Uint8Array, proof: Uint8Array): boolean {
    const expected = tlsLaneProof(this.#bindKey, otherRole(this.role), laneId, exported);
    if (!equalBytes(expected, proof) || this.#provenTlsLanes.has(laneId)) return false;
    this.#provenTlsLanes.add(laneId);
    return true;
  }
}
