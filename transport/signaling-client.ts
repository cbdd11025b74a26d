import type { TransferErrorCode } from '#protocol/errors.ts';

/**
 * What a room tells. A sender sees its receivers, a receiver sees the sender alone; whom one sees is a
 * member. Nothing is called before the promise of the join has been awaited, nor after `onClosed`.
 *
 * When the connection to the server is lost, every member is reported as left, and again as joined
 * (the server's names for them may be new ones) once the room has been rejoined: what was relayed
 * meanwhile is lost, so both sides begin anew with each other. What already runs between the peers is not touched.
 */
export interface RoomHandlers {
  /** Also called for those who were there before. */
  onMember(member: string): void;
  onMemberLeft(member: string): void;
  /** The callee owns `payload`. */
  onRelay(from: string, payload: Uint8Array<ArrayBuffer>): void;
  /**
   * This side is out of the room, for good. A sender of a slot opens a new one on `code-used`: it has
   * expired, or its server forgot it in a restart.
   */
  onClosed(reason: TransferErrorCode): void;
  /** The room was lost, or rejoined; not called for the first join. */
  onConnected?(connected: boolean): void;
}

/** A stay in a room. It outlives connections: the client rejoins by itself. */
export interface Room {
  /** Those who are there now. */
  readonly members: ReadonlySet<string>;
  /**
   * Hands sealed bytes to a member; resolves when the server has passed them on. Calls are sent in order and
   * paced to the server's limits. Copies nothing: leave `payload` alone until it resolves.
   * @throws TransferError `connection-lost` when the member or the connection is gone, `sender-gone` when the
   *   sender is, `server-refused`
   */
  relay(to: string, payload: Uint8Array): Promise<void>;
  /** A sender puts a receiver out; `onMemberLeft` is not called for it. A member already gone is no error. */
  dismiss(member: string): Promise<void>;
  /** For good; a sender thereby closes a slot and gives up its claim. No handler is called any more. */
  leave(): void;
}

export interface SlotRoom extends Room {
  /** The code's number. */
  readonly slot: number;
  /** From now until the server closes the slot. */
  readonly lifetimeMs: number;
}

export interface SignalingOptions {
  /** Cryptographically strong. */
  randomBytes(lengthBytes: number): Uint8Array;
  /** Aborting closes the client. */
  signal?: AbortSignal;
}

/**
 * The connection to the signaling server, kept up by itself. The server is not trusted: what it says is
 * parsed, and what breaks the contract ends the rooms with `protocol-violation`.
 *
 * @see docs/signaling-protocol.md
 */
export class SignalingClient {
  /**
   * Starts connecting and returns at once; what is asked meanwhile waits.
   * @param serverUrl where the page is served; its path is a prefix to all of the server's paths.
   */
  static connect(_serverUrl: URL | string, _options: SignalingOptions): SignalingClient {
    throw new Error('not yet');
  }

  get connected(): boolean {
    throw new Error('not yet');
  }

  /**
   * The STUN servers that this server hands out.
   * @throws TransferError `server-unreachable`, `protocol-violation`, `cancelled`
   */
  fetchIceServers(): Promise<RTCIceServer[]> {
    throw new Error('not yet');
  }

  /**
   * @param room 16 bytes in base64url.
   * @param claim 16 secret bytes: a sender that comes back with them, after a reload too, replaces its
   *   earlier connection. Derive them from the share's own secret; without, they last as long as this client.
   * @throws TransferError `room-taken`, `rate-limited`, `server-refused`, `server-unreachable`, `version-mismatch`,
   *   `protocol-violation`, `cancelled`
   */
  joinAsSender(_room: string, _handlers: RoomHandlers, _claim?: Uint8Array): Promise<Room> {
    throw new Error('not yet');
  }

  /**
   * Opens a code room on a number chosen by the server.
   * @throws TransferError as `joinAsSender`
   */
  openSlot(_handlers: RoomHandlers): Promise<SlotRoom> {
    throw new Error('not yet');
  }

  /**
   * Joins a link room, whether or not its sender is there, or a code room.
   * @throws TransferError as `joinAsSender`, and `wrong-code` for a slot that the server does not know,
   *   `code-used` for one that is closed, `room-full`
   */
  joinAsReceiver(_room: string | { slot: number }, _handlers: RoomHandlers): Promise<Room> {
    throw new Error('not yet');
  }

  /** Leaves every room and disconnects. What waits is rejected with `cancelled`; no handler is called any more. */
  close(): void {
    throw new Error('not yet');
  }
}
