import { TransferError } from '#protocol/errors.ts';
import { readHeader } from '#protocol/handshake/envelope.ts';
import { ReceiverHandshake } from '#protocol/handshake/receiver-handshake.ts';
import type { SealedPayload } from '#protocol/handshake/sealed-payload.ts';
import type { Secret } from '#protocol/handshake/secret.ts';
import { asTransferError } from './as-transfer-error.ts';
import { Deferred } from './deferred.ts';
import { FirstLane, type Meeting } from './first-lane.ts';
import { LaneNegotiation } from './lane-negotiation.ts';
import { HANDSHAKE_TIMEOUT_MS } from './limits.ts';
import { PayloadBatch } from './payload-batch.ts';
import type { Platform } from './platform.ts';
import { TcpWay } from './tcp-way.ts';

/** The session's first lane; further ones count on. */
const FIRST_LANE = '0';

/**
 * One attempt of a receiver to meet the sender: a handshake run over the server, with the first lane negotiated in it.
 * The offer is made while the handshake's first round trip is under way and leaves with its confirmation.
 */
export class ReceiverRun {
  readonly #handshake: ReceiverHandshake;
  readonly #relay: (message: Uint8Array<ArrayBuffer>) => void;
  readonly #batch = new PayloadBatch();
  #iceServers: RTCIceServer[] = [];
  #tcp: TcpWay | null = null;
  readonly #negotiation: Promise<LaneNegotiation>;
  readonly #meeting = new Deferred<Meeting>();
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #deliveryId: Promise<string>;
  #offered: LaneNegotiation | null = null;
  #firstLane: FirstLane | null = null;
  #over = false;

  constructor(
    secret: Secret,
    deliveryId: Promise<string>,
    platform: Platform,
    iceServers: Promise<RTCIceServer[]>,
    relay: (message: Uint8Array<ArrayBuffer>) => void,
  ) {
    this.#relay = relay;
    this.#deliveryId = deliveryId;
    this.#handshake = new ReceiverHandshake(secret, {
      sid: platform.randomBytes(16),
      scalar: platform.randomBytes(32),
    });
    const giveUp = () => this.end(new TransferError('sender-gone', 'no answer'));
    this.#timer = setTimeout(giveUp, HANDSHAKE_TIMEOUT_MS);
    relay(this.#handshake.hello);
    const say = (payload: SealedPayload) => this.#batch.add(payload);
    this.#negotiation = iceServers.then((servers) => {
      this.#iceServers = servers;
      if (platform.tcp)
        this.#tcp = new TcpWay(platform.tcp, servers, (addresses) => say({ type: 'tcp', addresses }));
      return LaneNegotiation.offer(FIRST_LANE, { platform, iceServers: servers, say });
    });
    this.#negotiation.catch((error) => this.end(error));
  }

  /** Rejects with what the handshake found, `no-route`, `sender-gone`, or what `end` was given. */
  get meeting(): Promise<Meeting> {
    return this.#meeting.promise;
  }

  /** The sender is proven: from here on the server's word that somebody left changes nothing. */
  get secured(): boolean {
    return this.#firstLane !== null;
  }

  /** Takes in what the server says comes from the sender. What belongs to another run is dropped. */
  async hear(message: Uint8Array): Promise<void> {
    try {
      const { run, type } = readHeader(message);
      if (this.#over || run !== this.#handshake.run) return;
      if (this.#firstLane) await this.#firstLane.hear(message);
      // A sealed message ahead of the accept: the server dropped that, or mixes them up.
      else if (type !== 'sealed') await this.#step(message);
    } catch (error) {
      this.end(error);
    }
  }

  /** Gives up, unless the meeting has taken place. */
  end(error: unknown): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#meeting.reject(asTransferError(error));
    if (this.#firstLane) this.#firstLane.end(error);
    else this.#abandon();
  }

  #abandon(): void {
    this.#tcp?.abandon();
    this.#negotiation.then((negotiation) => negotiation.abandon()).catch(() => {});
  }

  async #step(message: Uint8Array): Promise<void> {
    const step = this.#handshake.onMessage(message);
    if (step.type === 'keyed') {
      const [id, offered] = await Promise.all([this.#deliveryId, this.#negotiation]);
      this.#offered = offered;
      if (!this.#over)
        this.#relay(this.#handshake.confirm([{ type: 'delivery', id }, ...this.#batch.take()]));
      return;
    }
    // An accept follows a confirm, which followed the offer: sealed messages may be close behind.
    if (!this.#offered) throw new Error('accepted before anything was offered');
    clearTimeout(this.#timer);
    const ways = { negotiation: this.#offered, tcp: this.#tcp, iceServers: this.#iceServers };
    const firstLane = new FirstLane(step.session, ways, this.#batch, this.#relay);
    this.#firstLane = firstLane;
    firstLane.meeting.then(this.#meeting.resolve, this.#meeting.reject);
    await firstLane.take(step.payloads);
  }
}
