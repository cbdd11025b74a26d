import { ProtocolViolation } from './errors.ts';

/** A frame on its way, as it was said. */
export type FrameMessage = Uint8Array<ArrayBuffer>;

/** What is on its way on one lane, oldest first; `bytes` counts what has arrived. */
interface Lane {
  readonly frames: FrameMessage[];
  bytes: number;
}

/**
 * The frames of a session that have left and are not known to have arrived, by lane: a lane is ordered and reliable while it
 * lives, so that a count of bytes tells which. What a lane loses is sent again elsewhere.
 * @see docs/transfer-protocol.md "Lanes and frames"
 */
export class FramesInTransit {
  readonly #lanes = new Map<string, Lane>();

  sent(lane: string, frame: FrameMessage): void {
    const known = this.#lanes.get(lane) ?? { frames: [], bytes: 0 };
    this.#lanes.set(lane, known);
    known.frames.push(frame);
  }

  /** So many bytes of frames have arrived in all. @throws ProtocolViolation for a number that cuts a frame, goes back, or is more than was sent */
  arrived(lane: string, totalBytes: number): void {
    const known = this.#lanes.get(lane) ?? { frames: [], bytes: 0 };
    while (known.bytes < totalBytes) {
      const frame = known.frames.shift();
      if (!frame) throw new ProtocolViolation('receipt for more than was sent');
      known.bytes += frame.length;
    }
    if (known.bytes !== totalBytes) throw new ProtocolViolation('receipt for a part of a frame');
  }

  /** What is on its way on a lane, oldest first: what had better be sent elsewhere too where the lane stalls. */
  on(lane: string): FrameMessage[] {
    return [...(this.#lanes.get(lane)?.frames ?? [])];
  }

  /** A lane is gone. @returns what did not arrive on it */
  lose(lane: string): FrameMessage[] {
    const lost = this.on(lane);
    this.#lanes.delete(lane);
    return lost;
  }
}
