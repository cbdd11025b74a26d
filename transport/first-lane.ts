import { TransferError } from '#protocol/errors.ts';
import type { SealedPayload } from '#protocol/handshake/sealed-payload.ts';
import type { SecureSession } from '#protocol/handshake/secure-session.ts';
import { asTransferError } from './as-transfer-error.ts';
import { Deferred } from './deferred.ts';
import type { ConnectedLane, LaneNegotiation } from './lane-negotiation.ts';
import type { PayloadBatch } from './payload-batch.ts';

/** A peer that has proven itself, and the first lane to it. */
export interface Meeting {
  readonly secure: SecureSession;
  readonly connected: ConnectedLane;
  /** For further lanes. */
  readonly iceServers: RTCIceServer[];
}

/**
 * What is left of a run once the peer is proven, the same on both sides: the session's first lane is being made, with
 * sealed payloads over the server.
 */
export class FirstLane {
  readonly #secure: SecureSession;
  readonly #negotiation: LaneNegotiation;
  readonly #batch: PayloadBatch;
  readonly #iceServers: RTCIceServer[];
  readonly #meeting = new Deferred<Meeting>();
  #over = false;

  constructor(
    secure: SecureSession,
    negotiation: LaneNegotiation,
    batch: PayloadBatch,
    iceServers: RTCIceServer[],
    relay: (message: Uint8Array<ArrayBuffer>) => void,
  ) {
    this.#secure = secure;
    this.#negotiation = negotiation;
    this.#batch = batch;
    this.#iceServers = iceServers;
    batch.open((payloads) => relay(secure.seal(payloads)));
    negotiation.connected.then(
      (connected) => {
        if (this.#over) connected.lane.close();
        this.#over = true;
        this.#meeting.resolve({ secure, connected, iceServers: this.#iceServers });
      },
      (error) => this.end(error),
    );
  }

  get meeting(): Promise<Meeting> {
    return this.#meeting.promise;
  }

  /** Takes in a sealed message. One that does not open is the server's doing, and changes nothing. */
  async hear(message: Uint8Array): Promise<void> {
    let payloads: SealedPayload[];
    try {
      payloads = this.#secure.open(message);
    } catch {
      return;
    }
    await this.take(payloads);
  }

  async take(payloads: readonly SealedPayload[]): Promise<void> {
    for (const payload of payloads) {
      if (payload.type === 'bye') this.#fail(goodbye(payload.code));
      else if (payload.type !== 'delivery' && payload.lane === this.#negotiation.laneId)
        await this.#negotiation.hear(payload);
    }
  }

  /** Gives up, unless the lane stands: the peer is told. */
  end(error: unknown): void {
    if (this.#over) return;
    this.#batch.add({ type: 'bye', code: asTransferError(error).code });
    this.#fail(error);
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#meeting.reject(asTransferError(error));
    this.#negotiation.abandon();
  }
}

/** What the other side's giving up means here: it found no way, or its person left. */
function goodbye(code: string): TransferError {
  const known = code === 'no-route' || code === 'connection-lost' ? code : 'cancelled';
  return new TransferError(known, `the other side gave up: ${code}`, { source: 'remote' });
}
