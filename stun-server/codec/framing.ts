import { readUint16, readUint32 } from './big-endian.ts';
import { HEADER_BYTES, MAGIC_COOKIE } from './header.ts';

/** Bytes of a header by which a stream that is not STUN gives itself away: type, length, cookie. */
const RECOGNISABLE_BYTES = 8;

/** What came of one chunk. */
export interface Frames {
  /** Whole messages in order, in memory that is the caller's to keep. */
  readonly messages: Uint8Array[];
  /** The stream is not STUN, or holds a message too large: nothing after it can be found again. */
  readonly lost: boolean;
}

/**
 * Cuts a TCP byte stream into STUN messages, which the length in their header delimits. Holds at most one
 * unfinished message. @see RFC 8489 section 6.2.2
 */
export class Framing {
  readonly #maxMessageBytes: number;
  #pending: Uint8Array = new Uint8Array();

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** @param chunk is copied; not to be called again once `lost`. */
  push(chunk: Uint8Array): Frames {
    const bytes = new Uint8Array(this.#pending.length + chunk.length);
    bytes.set(this.#pending);
    bytes.set(chunk, this.#pending.length);
    const messages: Uint8Array[] = [];
    let offset = 0;
    for (;;) {
      const rest = bytes.subarray(offset);
      const sizeBytes = this.#messageBytes(rest);
      if (sizeBytes === null) return { messages, lost: true };
      if (rest.length < sizeBytes) {
        this.#pending = rest.slice();
        return { messages, lost: false };
      }
      messages.push(rest.subarray(0, sizeBytes));
      offset += sizeBytes;
    }
  }

  /** Size of the message that starts here, at least the header's; null where none can. */
  #messageBytes(bytes: Uint8Array): number | null {
    if ((bytes[0] ?? 0) > 0x3f) return null;
    if (bytes.length < 4) return HEADER_BYTES;
    const sizeBytes = HEADER_BYTES + readUint16(bytes, 2);
    if (sizeBytes % 4 !== 0 || sizeBytes > this.#maxMessageBytes) return null;
    if (bytes.length >= RECOGNISABLE_BYTES && readUint32(bytes, 4) !== MAGIC_COOKIE) return null;
    return sizeBytes;
  }
}
