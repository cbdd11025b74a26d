import { TransferError } from '#protocol/errors.ts';
import { readHeader } from '#protocol/handshake/envelope.ts';
import type { OwnerKey } from '#protocol/handshake/owner-key.ts';
import { refuse } from '#protocol/handshake/refusal.ts';
import type { SealedPayload } from '#protocol/handshake/sealed-payload.ts';
import type { Secret } from '#protocol/handshake/secret.ts';
import type { SecureSession } from '#protocol/handshake/secure-session.ts';
import { SenderHandshake } from '#protocol/handshake/sender-handshake.ts';
import { Deferred } from './deferred.ts';
import { LaneNegotiation } from './lane-negotiation.ts';
import { HANDSHAKE_TIMEOUT_MS } from './limits.ts';
import { PayloadBatch } from './payload-batch.ts';
import type { Platform } from './platform.ts';
import type { Meeting } from './receiver-run.ts';

/** One receiver's attempt to meet this sender: a handshake run over the server, and the lane that it offers. */
export class SenderRun {
  readonly id: string;
  readonly #handshake: SenderHandshake;
  readonly #platform: Platform;
  readonly #iceServers: RTCIceServer[];
  readonly #relay: (message: Uint8Array<ArrayBuffer>) => void;
  readonly #batch = new PayloadBatch();
  readonly #secured = new Deferred<SecureSession>();
  readonly #meeting = new Deferred<Meeting>();
  readonly #timer: ReturnType<typeof setTimeout>;
  #negotiation: LaneNegotiation | null = null;
  #laneId = '';
  #secure: SecureSession | null = null;
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

  /** The receiver has shown that it knows the secret; a lane is still to come. */
  get secured(): Promise<SecureSession> {
    return this.#secured.promise;
  }

  get meeting(): Promise<Meeting> {
    return this.#meeting.promise;
  }

  /** The server says that the receiver left: once it is proven, that changes nothing. */
  left(): void {
    if (!this.#secure) this.end(new TransferError('connection-lost', 'the receiver left the room'));
  }

  async hear(message: Uint8Array): Promise<void> {
    try {
      if (readHeader(message).run !== this.id) return;
      if (this.#secure) await this.#hearPayloads(this.#open(this.#secure, message));
      else await this.#confirm(message);
    } catch (error) {
      this.end(error);
    }
  }

  /** Gives up, unless the meeting has taken place. */
  end(error: unknown): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#secured.reject(error);
    this.#meeting.reject(error);
    this.#negotiation?.abandon();
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
    if (!offer) throw new TransferError('protocol-violation', 'no lane offered', { source: 'remote' });
    const say = (payload: SealedPayload) => this.#batch.add(payload);
    const setup = { platform: this.#platform, iceServers: this.#iceServers, say };
    const negotiation = await LaneNegotiation.answer(offer, setup);
    if (this.#over) {
      negotiation.abandon();
      return;
    }
    clearTimeout(this.#timer);
    this.#negotiation = negotiation;
    this.#laneId = offer.lane;
    const { message: accept, session } = this.#handshake.accept(this.#batch.take());
    this.#secure = session;
    this.#relay(accept);
    this.#batch.open((more) => this.#relay(session.seal(more)));
    this.#secured.resolve(session);
    negotiation.connected.then(
      (connected) => {
        if (this.#over) connected.lane.close();
        else this.#meeting.resolve({ secure: session, connected });
      },
      (error) => this.end(error),
    );
    await this.#hearPayloads(payloads.filter((payload) => payload !== offer));
  }

  /** A message that does not open is the server's doing, and changes nothing. */
  #open(secure: SecureSession, message: Uint8Array): SealedPayload[] {
    try {
      return secure.open(message);
    } catch {
      return [];
    }
  }

  async #hearPayloads(payloads: readonly SealedPayload[]): Promise<void> {
    for (const payload of payloads) {
      if (payload.type === 'bye') throw new TransferError('cancelled', payload.code, { source: 'remote' });
      if (payload.lane === this.#laneId) await this.#negotiation?.hear(payload);
    }
  }
}
