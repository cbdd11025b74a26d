import type { TLSSocket } from 'node:tls';
import { MAX_LANE_MESSAGE_BYTES } from '#protocol/limits.ts';
import type { Lane } from '#transport/lane.ts';
import { HIGH_WATER_BYTES, LOW_WATER_BYTES } from '#transport/limits.ts';
import { CLOSE_TIMEOUT_MS } from './limits.ts';
import { LENGTH_BYTES, MessageReader } from './message-reader.ts';

/** A lane made of one TLS connection, which it owns. While nobody is attached, nothing is read: the peer is slowed. */
export class TlsLane implements Lane {
  readonly kind = 'tcp';
  readonly id: string;
  readonly maxMessageBytes = MAX_LANE_MESSAGE_BYTES;
  readonly #socket: TLSSocket;
  readonly #reader = new MessageReader();
  /** Messages of the last chunk that was read before reading stopped. */
  readonly #early: Uint8Array<ArrayBuffer>[] = [];
  #onMessage: ((message: Uint8Array<ArrayBuffer>) => void) | null = null;
  #onClose: (reason: string) => void = () => {};
  #waiters: (() => void)[] = [];
  #closedBecause: string | null = null;

  constructor(id: string, socket: TLSSocket) {
    this.id = id;
    this.#socket = socket;
    socket.pause();
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('end', () => this.#ended('the peer closed the connection'));
    socket.on('error', ({ message }) => this.#ended(message));
    socket.on('close', () => this.#ended('the connection closed'));
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  attach(onMessage: (message: Uint8Array<ArrayBuffer>) => void, onClose: (reason: string) => void): void {
    this.#onMessage = onMessage;
    this.#onClose = onClose;
    while (this.#onMessage !== null) {
      const message = this.#early.shift();
      if (message === undefined) break;
      this.#onMessage(message);
    }
    if (this.#onMessage === null) return;
    if (this.#closedBecause === null) this.#socket.resume();
    else onClose(this.#closedBecause);
  }

  /** The next message, for who makes the lane; whoever it is handed to attaches later. Rejects once closed. */
  next(): Promise<Uint8Array<ArrayBuffer>> {
    return new Promise((resolve, reject) => {
      this.attach(
        (message) => {
          this.#onMessage = null;
          this.#onClose = () => {};
          this.#socket.pause();
          resolve(message);
        },
        (reason) => reject(new Error(reason)),
      );
    });
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    if (this.#closedBecause !== null) throw new Error('send on a closed lane');
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt32BE(message.length);
    this.#socket.cork();
    this.#socket.write(length);
    this.#socket.write(message, this.#onWritten);
    this.#socket.uncork();
  }

  async writable(): Promise<void> {
    if (this.#closedBecause !== null || this.bufferedBytes < HIGH_WATER_BYTES) return;
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  recycle(message: Uint8Array<ArrayBuffer>): void {
    this.#reader.recycle(message);
  }

  close(): void {
    this.#ended('closed here');
  }

  readonly #onWritten = (): void => {
    if (this.bufferedBytes < LOW_WATER_BYTES) this.#wake();
  };

  #read(chunk: Buffer): void {
    if (this.#closedBecause !== null) return;
    const wellFormed = this.#reader.push(chunk, (message) => {
      if (this.#closedBecause !== null) return;
      if (this.#onMessage === null) this.#early.push(message);
      else this.#onMessage(message);
    });
    if (!wellFormed) this.#ended('a message is too long');
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  #ended(reason: string): void {
    if (this.#closedBecause !== null) return;
    this.#closedBecause = reason;
    this.#wake();
    const socket = this.#socket;
    if (!socket.destroyed) {
      const giveUp = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
      socket.once('close', () => clearTimeout(giveUp));
      // What still comes is read, and dropped: a connection with unread bytes would be reset, and the last ones lost.
      socket.resume();
      socket.end();
    }
    this.#onClose(reason);
  }
}
