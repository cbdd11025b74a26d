import { ProtocolViolation } from './errors.ts';

/** A frame on its way, as it was said. */
export type FrameMessage = Uint8Array<ArrayBuffer>;

/** What is on its way on one lane, oldest first; `bytes` counts what has arrived. */
interface Lane {
  readonly frames: FrameMessage[];
  bytes: number;
  /** Those that were sent elsewhere too; null while the lane does not stall. */
  doubled: Set<FrameMessage> | null;
}

/**
 * The frames of a session that have left and are not known to have arrived, by lane: a lane is ordered and reliable while it
 * lives, so that a count of bytes tells which. What a lane loses is sent again elsewhere.
 * @see docs/transfer-protocol.md "Lanes and frames"
 */
export class FramesInTransit {
  readonly #lanes = new Map<string, Lane>();
  /** May be on several lanes, or wait to be. */
  readonly #doubled = new WeakSet<FrameMessage>();

  sent(lane: string, frame: FrameMessage): void {
    const known = this.#known(lane);
    known.frames.push(frame);
    // Back on the lane that held it back, as where no other is left: nowhere else would it come from.
    known.doubled?.delete(frame);
  }

  /**
   * So many bytes of frames have arrived in all.
   * @returns the frames among them that were never sent elsewhere too: nobody needs them any longer
   * @throws ProtocolViolation for a number that cuts a frame, goes back, or is more than was sent
   */
  arrived(lane: string, totalBytes: number): FrameMessage[] {
    const known = this.#known(lane);
    known.doubled = null;
    const arrived: FrameMessage[] = [];
    while (known.bytes < totalBytes) {
      const frame = known.frames.shift();
      if (!frame) throw new ProtocolViolation('receipt for more than was sent');
      known.bytes += frame.length;
      if (!this.#doubled.has(frame)) arrived.push(frame);
    }
    if (known.bytes !== totalBytes) throw new ProtocolViolation('receipt for a part of a frame');
    return arrived;
  }

  /** What is on its way on a lane, oldest first. */
  on(lane: string): FrameMessage[] {
    return [...(this.#lanes.get(lane)?.frames ?? [])];
  }

  /** A lane stalls. @returns what is on its way on it, oldest first, to be sent elsewhere too: once, until something arrives on it */
  double(lane: string): FrameMessage[] {
    const known = this.#known(lane);
    if (known.doubled) return [];
    known.doubled = new Set(known.frames);
    for (const frame of known.frames) this.#doubled.add(frame);
    return [...known.frames];
  }

  /** A lane is gone. @returns what did not arrive on it and was not sent elsewhere too, oldest first */
  lose(lane: string): FrameMessage[] {
    const { frames, doubled } = this.#known(lane);
    this.#lanes.delete(lane);
    return frames.filter((frame) => !doubled?.has(frame));
  }

  #known(lane: string): Lane {
    const known = this.#lanes.get(lane) ?? { frames: [], bytes: 0, doubled: null };
    this.#lanes.set(lane, known);
    return known;
  }
}
