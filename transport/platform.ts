import type { TcpLaneMaker } from './tcp-lanes.ts';

/** What both `globalThis.RTCPeerConnection` and node-datachannel's polyfill are, as far as we use them. */
export type PeerConnection = Pick<
  RTCPeerConnection,
  | 'createDataChannel'
  | 'createOffer'
  | 'createAnswer'
  | 'setLocalDescription'
  | 'setRemoteDescription'
  | 'addIceCandidate'
  | 'localDescription'
  | 'remoteDescription'
  | 'connectionState'
  | 'iceConnectionState'
  | 'close'
  | 'getStats'
  | 'sctp'
  | 'addEventListener'
  | 'removeEventListener'
>;

/**
 * What `transport/` needs of the world and cannot import: handed in by `client/` and `node-peer/`.
 * Only a room's `main.ts` or entry point builds one.
 */
export interface Platform {
  /** Where lanes over TCP can be made. */
  readonly tcp?: TcpLaneMaker;

  /**
   * Whether a data channel's `bufferedAmount` is all that waits for its window, as in browsers. In Node the association has a
   * buffer of its own behind it, which tells nothing.
   */
  readonly channelsTellQueue?: boolean;

  createPeerConnection(configuration: RTCConfiguration): PeerConnection;

  /** SHA-256 of the certificate that the other end of this connection presented, or null where the platform cannot tell. */
  remoteFingerprint(connection: PeerConnection): Promise<Uint8Array | null>;

  /** Cryptographically strong. */
  randomBytes(lengthBytes: number): Uint8Array<ArrayBuffer>;

  /** SHA-256 of a block, by the platform's own fast implementation. */
  sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;

  /**
   * Runs `task` a moment later, so that more may have come by then: in a millisecond or two; where timers are held back in the
   * background, as in pages, at the end of the event loop's turn.
   */
  soon(task: () => void): void;

  /** Monotonic milliseconds. */
  nowMs(): number;
}
