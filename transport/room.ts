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
   * This side is out of the room, for good: `code-used` (the slot was closed by its sender, expired, or was
   * forgotten by a server that restarted: its sender may open a new one), `sender-gone` (it stayed away for
   * minutes), `connection-lost` (the sender put this receiver out), `peer-silent` (nothing was relayed in a code
   * room), `room-taken` (the same claim came from elsewhere), or what befell the whole client:
   * `protocol-violation`, `server-refused`, `version-mismatch`.
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
   *   sender is, `server-refused`, `server-full`, `rate-limited` when far more is to be relayed than the server's limits allow
   */
  relay(to: string, payload: Uint8Array<ArrayBuffer>): Promise<void>;
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
