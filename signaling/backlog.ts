import type { Socket } from 'socket.io';
import type { Limits } from './limits.ts';

type Transport = Socket['conn'];

/** What a packet weighs besides its data. */
const PACKET_BYTES = 256;

/** What was said to clients and has not gone out to them yet: of each so much and no more, and of all together. */
export class Backlog {
  readonly #limits: Limits;
  #bytesInAll = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get isFull(): boolean {
    return this.#bytesInAll >= this.#limits.backlogBytesInAll;
  }

  /** What waits for somebody else: who adds it keeps it bounded, and takes it away again by a negative number. */
  add(bytes: number): void {
    this.#bytesInAll += bytes;
  }

  /** Counts for a connection, and cuts it once it is behind by too much. */
  watch(transport: Transport): void {
    let queuedBytes = 0;
    let leavingBytes = 0;
    transport.on('packetCreate', ({ data }) => {
      const bytes = PACKET_BYTES + (data === undefined ? 0 : Buffer.byteLength(data));
      queuedBytes += bytes;
      this.#bytesInAll += bytes;
      // Not at once: whoever is sending this packet may be in the midst of a room's members.
      if (queuedBytes + leavingBytes > this.#limits.backlogBytes) setImmediate(() => transport.close(true));
    });
    transport.on('flush', () => {
      leavingBytes += queuedBytes;
      queuedBytes = 0;
    });
    const onDrain = () => {
      this.#bytesInAll -= leavingBytes;
      leavingBytes = 0;
    };
    transport.transport.on('drain', onDrain);
    transport.on('upgrade', (upgraded) => upgraded.on('drain', onDrain));
    transport.once('close', () => {
      this.#bytesInAll -= queuedBytes + leavingBytes;
      queuedBytes = 0;
      leavingBytes = 0;
    });
  }
}
