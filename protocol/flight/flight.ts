/**
 * How many bytes may be on their way over all lanes together, and on which lane the next frame goes.
 * Pure: the caller brings the time, in milliseconds of a clock that never goes back. A lane that is not
 * known (any longer) is passed over in silence, for its reports may come late.
 */
export class Flight {
  /** A lane that stands and may carry frames. */
  addLane(_lane: string): void {}

  /** The lane is dead or closed: what it had in flight is no longer counted. */
  removeLane(_lane: string): void {}

  /** The lane for the next frame, or null while as much is in flight as may be, or there is no lane. */
  choose(_nowMs: number): string | null {
    return null;
  }

  /** A frame of so many bytes was handed to the lane. */
  sent(_lane: string, _bytes: number, _nowMs: number): void {}

  /**
   * The peer has so many bytes in all of what was sent on this lane.
   * @throws ProtocolViolation for a number that goes back, or beyond what was sent
   */
  received(_lane: string, _totalBytes: number, _nowMs: number): void {}

  /**
   * The sender has nothing to send although it might (source, credit or person): call it each time that `choose`
   * named a lane and there was no frame for it. What is measured until all that is in flight has arrived says
   * nothing about the network.
   */
  idle(_nowMs: number): void {}

  /** Sent and not yet reported, on the lanes that stand. */
  get inFlightBytes(): number {
    return 0;
  }

  /** In flight at most; a frame more where the last one began below it. */
  get capBytes(): number {
    return 0;
  }

  /** Reported on all lanes together, those removed included. Never falls. */
  get deliveredBytes(): number {
    return 0;
  }

  /** Whether it is the network, not the sender, that the transfer waits for now. */
  get networkLimited(): boolean {
    return false;
  }

  /** What the network delivers, over all lanes. Null until known. */
  get bytesPerSecond(): number | null {
    return null;
  }

  /** The smallest round trip of a frame seen of late, and the last one. Null until known. */
  get minRttMs(): number | null {
    return null;
  }

  get rttMs(): number | null {
    return null;
  }

  /** Lanes whose oldest report is so long overdue that what they carry had better be sent elsewhere too. */
  stalled(_nowMs: number): string[] {
    return [];
  }
}
