import { TransferError } from '#protocol/errors.ts';
import { readHeader } from '#protocol/handshake/envelope.ts';
import type { OwnerKey } from '#protocol/handshake/owner-key.ts';
import { refuse } from '#protocol/handshake/refusal.ts';
import type { SealedPayload } from '#protocol/handshake/sealed-payload.ts';
import type { Secret } from '#protocol/handshake/secret.ts';
import { SenderHandshake } from '#protocol/handshake/sender-handshake.ts';
import { asTransferError } from './as-transfer-error.ts';
import { Deferred } from './deferred.ts';
import { FirstLane, type Meeting } from './first-lane.ts';
import { LaneNegotiation } from './lane-negotiation.ts';
import { HANDSHAKE_TIMEOUT_MS } from './limits.ts';
import { PayloadBatch } from './payload-batch.ts';
import type { Platform } from './platform.ts';
import { TcpWay } from './tcp-way.ts';

/** One receiver's attempt to meet this sender: a handshake run over the server, and the lane that it offers. */
export class SenderRun {
  readonly id: string;
  readonly #handshake: SenderHandshake;
  readonly #platform: Platform;
  readonly #iceServers: RTCIceServer[];
  readonly #relay: (message: Uint8Array<ArrayBuffer>) => void;
  readonly #proven = new Deferred<void>();
  readonly #meeting = new Deferred<Meeting>();
  readonly #timer: ReturnType<typeof setTimeout>;
  #firstLane: FirstLane | null = null;
  #deliveryId = '';
  #over = false;

  /** @throws TransferError, ProtocolViolation for a hello that cannot be answered */
  constructor(
    hello: Uint8Array,
    secret: Secret,
    owner: OwnerKey,
    platform: Platform,
    iceServers: RTCIceServer[],
    relay: (message: Uint8Array<ArrayBuffer>) => void,
  ) {
    this.#platform = platform;
    this.#iceServers = iceServers;
    this.#relay = relay;
    this.#handshake = new SenderHandshake(secret, owner, hello, platform.randomBytes(32));
    this.id = this.#handshake.run;
    this.#timer = setTimeout(() => this.end(new TransferError('peer-silent')), HANDSHAKE_TIMEOUT_MS);
    relay(this.#handshake.reply);
  }

  /** Resolves when the receiver has shown that it knows the secret; a lane is still to come. */
  get proven(): Promise<void> {
    return this.#proven.promise;
  }

  /** Which delivery the receiver goes on with, or begins; known once it is proven. */
  get deliveryId(): string {
    return this.#deliveryId;
  }

  /** Whether it has: from then on the server's word that somebody left or came anew changes nothing. */
  get secured(): boolean {
    return this.#firstLane !== null;
  }

  get meeting(): Promise<Meeting> {
    return this.#meeting.promise;
  }

  async hear(message: Uint8Array): Promise<void> {
    try {
      if (this.#over || readHeader(message).run !== this.id) return;
      if (this.#firstLane) await this.#firstLane.hear(message);
      else await this.#confirm(message);
    } catch (error) {
      this.end(error);
    }
  }

  /** Gives up, unless the meeting has taken place. */
  end(error: unknown): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#proven.reject(asTransferError(error));
    this.#meeting.reject(asTransferError(error));
    this.#firstLane?.end(error);
  }

  async #confirm(message: Uint8Array): Promise<void> {
    let payloads: SealedPayload[];
    try {
      payloads = this.#handshake.onConfirm(message);
    } catch (error) {
      this.#relay(refuse(message, 'failed'));
      throw error;
    }
    const offer = payloads.find((payload) => payload.type === 'offer');
    const delivery = payloads.find((payload) => payload.type === 'delivery');
    if (!offer || !delivery)
      throw new TransferError('protocol-violation', 'no lane offered, or no delivery named', {
        source: 'remote',
      });
    this.#deliveryId = delivery.id;
    const batch = new PayloadBatch();
    const say = (payload: SealedPayload) => batch.add(payload);
    const setup = { platform: this.#platform, iceServers: this.#iceServers, say };
    const negotiation = await LaneNegotiation.answer(offer, setup);
    if (this.#over) {
      negotiation.abandon();
      return;
    }
    clearTimeout(this.#timer);
    const { message: accept, session } = this.#handshake.accept(batch.take());
    this.#relay(accept);
    const iceServers = this.#iceServers;
    const maker = this.#platform.tcp;
    const tcp = maker ? new TcpWay(maker, iceServers, (addresses) => say({ type: 'tcp', addresses })) : null;
    const firstLane = new FirstLane(session, { negotiation, tcp, iceServers }, batch, this.#relay);
    this.#firstLane = firstLane;
    this.#proven.resolve();
    firstLane.meeting.then(this.#meeting.resolve, this.#meeting.reject);
    await firstLane.take(payloads.filter((payload) => payload !== offer && payload !== delivery));
  }
}
