/** How a session's bytes travel, in words a person understands. */
export type Route = 'lan' | 'direct' | 'relayed';

/**
 * One ordered, reliable message pipe to the peer: a data channel today, TCP and others later.
 * Nothing above it knows what it is made of or assumes that there is only one.
 * `lane.contract.ts` is run against each kind.
 */
export interface Lane {
  /** What carries it: the system's TCP, or SCTP in this process, which has many times the work with each byte. */
  readonly kind: 'tcp' | 'data-channel';

  /** Unique within the session; agreed by both sides, and bound into the lane's proof. */
  readonly id: string;

  /** The largest message that `send` accepts. */
  readonly maxMessageBytes: number;

  /** Bytes accepted by `send` and not yet handed to the network. */
  readonly bufferedBytes: number;

  /** Whether that is all that waits for the network to take it; else there are buffers behind that nobody sees into. */
  readonly tellsQueue?: boolean;

  /** Queues one message. Copies or keeps `message`: the caller must not change it afterwards. @throws if closed */
  send(message: Uint8Array<ArrayBuffer>): void;

  /** Resolves when `bufferedBytes` is below the high-water mark, or the lane is closed. */
  writable(): Promise<void>;

  /**
   * Hands the lane to its owner, once. `onMessage` is called with each message in order, those that came before
   * included; the callee owns the bytes. `onClose` is called once, when the lane has closed for whatever reason.
   */
  attach(onMessage: (message: Uint8Array<ArrayBuffer>) => void, onClose: (reason: string) => void): void;

  /** Where it pays: takes back a message that `onMessage` was given, from an owner who needs it no more. */
  recycle?(message: Uint8Array<ArrayBuffer>): void;

  /** Closes after what is queued has been handed over as far as the kind allows. Idempotent. */
  close(): void;
}
