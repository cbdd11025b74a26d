import { TransferError } from '#protocol/errors.ts';
import type { SealedPayload } from '#protocol/handshake/sealed-payload.ts';
import type { SecureSession } from '#protocol/handshake/secure-session.ts';
import { asTransferError } from './as-transfer-error.ts';
import { Deferred } from './deferred.ts';
import type { ConnectedLane, LaneNegotiation } from './lane-negotiation.ts';
import type { PayloadBatch } from './payload-batch.ts';
import type { TcpWay } from './tcp-way.ts';

/** A peer that has proven itself, and the first lane to it. */
export interface Meeting {
  readonly secure: SecureSession;
  readonly connected: ConnectedLane;
  /** For further lanes. */
  readonly iceServers: RTCIceServer[];
  /** Lanes that may still come about, one way or the other. */
  readonly others: readonly Promise<ConnectedLane>[];
  readonly tcp: TcpWay | null;
}

/** Ends what nobody takes up. */
export function endMeeting({ connected, others, tcp }: Meeting): void {
  connected.lane.close();
  tcp?.abandon();
  for (const other of others)
    other.then(
      ({ lane }) => lane.close(),
      () => {},
    );
}

/** Everything by which a first lane is sought, at once. */
export interface Ways {
  readonly negotiation: LaneNegotiation;
  /** Null where this side can make no lanes over TCP. */
  readonly tcp: TcpWay | null;
  readonly iceServers: RTCIceServer[];
}

/**
 * What is left of a run once the peer is proven, the same on both sides: the session's first lane is being made, with
 * sealed payloads over the server.
 */
export class FirstLane {
  readonly #secure: SecureSession;
  readonly #ways: Ways;
  readonly #batch: PayloadBatch;
  readonly #meeting = new Deferred<Meeting>();
  #over = false;
  /** Over because a lane stands. */
  #met = false;
  /** Why there is no data channel, while TCP is still tried. */
  #refusal: unknown = null;

  constructor(
    secure: SecureSession,
    ways: Ways,
    batch: PayloadBatch,
    relay: (message: Uint8Array<ArrayBuffer>) => void,
  ) {
    this.#secure = secure;
    this.#ways = ways;
    this.#batch = batch;
    batch.open((payloads) => relay(secure.seal(payloads)));
    const { negotiation, tcp } = ways;
    tcp?.secure(secure);
    negotiation.connected.then(
      (connected) => this.#stands(connected, tcp ? [tcp.connected] : []),
      (error) => this.#failed(error),
    );
    tcp?.connected.then(
      (connected) => this.#stands(connected, [negotiation.connected]),
      () => {
        if (this.#refusal) this.end(this.#refusal);
      },
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
    const { negotiation, tcp } = this.#ways;
    for (const payload of payloads) {
      if (payload.type === 'bye') this.#fail(goodbye(payload.code));
      else if (payload.type === 'tcp') tcp?.hear(payload.addresses);
      else if (payload.type !== 'delivery' && payload.lane === negotiation.laneId)
        await negotiation.hear(payload);
    }
  }

  /** Gives up, unless a lane stands: the peer is told. */
  end(error: unknown): void {
    if (this.#over) return;
    this.#batch.add({ type: 'bye', code: asTransferError(error).code });
    this.#fail(error);
  }

  /** The first that stands is the session's; whatever stands after it joins. */
  #stands(connected: ConnectedLane, others: readonly Promise<ConnectedLane>[]): void {
    if (this.#over) {
      if (!this.#met) connected.lane.close();
      return;
    }
    const { tcp, iceServers } = this.#ways;
    this.#over = true;
    this.#met = true;
    this.#meeting.resolve({ secure: this.#secure, connected, iceServers, others, tcp });
  }

  /** No data channel: that is the end, unless the peer can be had over TCP. */
  #failed(error: unknown): void {
    if (this.#ways.tcp?.isPending) this.#refusal = error;
    else this.end(error);
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#meeting.reject(asTransferError(error));
    this.#ways.negotiation.abandon();
    this.#ways.tcp?.abandon();
  }
}

/** What the other side's giving up means here: it found no way, or its person left. */
function goodbye(code: string): TransferError {
  const known = code === 'no-route' || code === 'connection-lost' ? code : 'cancelled';
  return new TransferError(known, `the other side gave up: ${code}`, { source: 'remote' });
}
