import { FRAME_OVERHEAD_BYTES } from '#protocol/lane-message.ts';
import { MAX_FRAME_PAYLOAD_BYTES, MAX_LANE_MESSAGE_BYTES } from '#protocol/limits.ts';
import { SpareBuffers } from '#protocol/spare-buffers.ts';
import { SPARE_MESSAGES } from './limits.ts';

/** Before each message of a stream: its length, big-endian. */
export const LENGTH_BYTES = 4;

/** Cuts a byte stream into messages, each with its length before it. Holds at most one unfinished message. */
export class MessageReader {
  readonly #buffers = new SpareBuffers(MAX_FRAME_PAYLOAD_BYTES + FRAME_OVERHEAD_BYTES, SPARE_MESSAGES);
  readonly #length = Buffer.alloc(LENGTH_BYTES);
  #lengthFilled = 0;
  #message: Uint8Array<ArrayBuffer> | null = null;
  #filled = 0;

  /** Takes a message back from an owner who needs it no more. */
  recycle(message: Uint8Array<ArrayBuffer>): void {
    this.#buffers.giveBack(message);
  }

  /**
   * Takes in what came next. Each message is copied once, into memory that is its receiver's to keep.
   * @returns false once a length is too large: nothing after it can be found again
   */
  push(chunk: Buffer, onMessage: (message: Uint8Array<ArrayBuffer>) => void): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (this.#message === null) {
        const taken = chunk.copy(this.#length, this.#lengthFilled, at);
        at += taken;
        this.#lengthFilled += taken;
        if (this.#lengthFilled < LENGTH_BYTES) return true;
        const length = this.#length.readUInt32BE();
        if (length > MAX_LANE_MESSAGE_BYTES) return false;
        this.#message = this.#buffers.take(length);
        this.#filled = 0;
      }
      const message: Uint8Array<ArrayBuffer> = this.#message;
      const taken = chunk.copy(message, this.#filled, at);
      at += taken;
      this.#filled += taken;
      if (this.#filled < message.length) return true;
      this.#message = null;
      this.#lengthFilled = 0;
      onMessage(message);
    }
    return true;
  }
}
