import { MAX_LANE_MESSAGE_BYTES } from '#protocol/limits.ts';
import type { Lane } from './lane.ts';
import { HIGH_WATER_BYTES, LOW_WATER_BYTES } from './limits.ts';
import type { PeerConnection } from './platform.ts';

/** A lane made of one data channel, which has a peer connection, and so an SCTP association, to itself. */
export class DataChannelLane implements Lane {
  readonly kind = 'data-channel';
  readonly id: string;
  readonly tellsQueue: boolean;
  /** Kept: a collected wrapper would close the live connection in Node. */
  readonly connection: PeerConnection;
  readonly #channel: RTCDataChannel;
  /** Messages that came before the lane was handed over. */
  readonly #early: Uint8Array<ArrayBuffer>[] = [];
  #onMessage: (message: Uint8Array<ArrayBuffer>) => void = (message) => this.#early.push(message);
  #onClose: (reason: string) => void = () => {};
  #waiters: (() => void)[] = [];
  #closedBecause: string | null = null;

  constructor(id: string, connection: PeerConnection, channel: RTCDataChannel, tellsQueue = false) {
    this.id = id;
    this.tellsQueue = tellsQueue;
    this.connection = connection;
    this.#channel = channel;
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = LOW_WATER_BYTES;
    channel.addEventListener('bufferedamountlow', () => this.#wake());
    channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      // Text has no place on a lane; it is handed on as a message that no decoder accepts.
      this.#onMessage(data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(0));
    });
    channel.addEventListener('close', () => this.#ended('the data channel closed'));
    connection.addEventListener('connectionstatechange', () => {
      const state = connection.connectionState;
      if (state === 'failed' || state === 'closed') this.#ended(`the connection ${state}`);
    });
    // One channel was agreed on; whoever opens another is not following the protocol.
    connection.addEventListener('datachannel', () => this.#ended('the peer opened a second channel'));
  }

  get maxMessageBytes(): number {
    return Math.min(MAX_LANE_MESSAGE_BYTES, this.connection.sctp?.maxMessageSize ?? MAX_LANE_MESSAGE_BYTES);
  }

  get bufferedBytes(): number {
    return this.#channel.bufferedAmount;
  }

  attach(onMessage: (message: Uint8Array<ArrayBuffer>) => void, onClose: (reason: string) => void): void {
    this.#onMessage = onMessage;
    this.#onClose = onClose;
    for (const message of this.#early.splice(0)) onMessage(message);
    if (this.#closedBecause) onClose(this.#closedBecause);
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    if (this.#closedBecause) throw new Error('send on a closed lane');
    this.#channel.send(message);
  }

  async writable(): Promise<void> {
    if (this.#closedBecause || this.bufferedBytes < HIGH_WATER_BYTES) return;
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  close(): void {
    this.#ended('closed here');
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  #ended(reason: string): void {
    if (this.#closedBecause) return;
    this.#closedBecause = reason;
    this.#wake();
    // Whoever ended it: a connection that is not closed here as well keeps a process alive.
    this.#channel.close();
    this.connection.close();
    this.#onClose(reason);
  }
}
