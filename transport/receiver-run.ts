import { ProtocolViolation, TransferError } from '#protocol/errors.ts';
import { readHeader } from '#protocol/handshake/envelope.ts';
import { ReceiverHandshake } from '#protocol/handshake/receiver-handshake.ts';
import type { SealedPayload } from '#protocol/handshake/sealed-payload.ts';
import type { Secret } from '#protocol/handshake/secret.ts';
import type { SecureSession } from '#protocol/handshake/secure-session.ts';
import { Deferred } from './deferred.ts';
import type { ConnectedLane } from './lane-negotiation.ts';
import { LaneNegotiation } from './lane-negotiation.ts';
import { HANDSHAKE_TIMEOUT_MS } from './limits.ts';
import { PayloadBatch } from './payload-batch.ts';
import type { Platform } from './platform.ts';

/** A peer that has proven itself, and the first lane to it. */
export interface Meeting {
  readonly secure: SecureSession;
  readonly connected: ConnectedLane;
}

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
  readonly #negotiation: Promise<LaneNegotiation>;
  readonly #meeting = new Deferred<Meeting>();
  readonly #timer: ReturnType<typeof setTimeout>;
  #secure: SecureSession | null = null;
  #over = false;

  constructor(
    secret: Secret,
    platform: Platform,
    iceServers: Promise<RTCIceServer[]>,
    relay: (message: Uint8Array<ArrayBuffer>) => void,
  ) {
    this.#relay = relay;
    this.#handshake = new ReceiverHandshake(secret, {
      sid: platform.randomBytes(16),
      scalar: platform.randomBytes(32),
    });
    this.#timer = setTimeout(
      () => this.end(new TransferError('sender-gone', 'no answer')),
      HANDSHAKE_TIMEOUT_MS,
    );
    relay(this.#handshake.hello);
    const say = (payload: SealedPayload) => this.#batch.add(payload);
    this.#negotiation = iceServers.then((servers) =>
      LaneNegotiation.offer(FIRST_LANE, { platform, iceServers: servers, say }),
    );
    this.#negotiation.catch((error) => this.end(error));
  }

  /** Rejects with what the handshake found, `no-route`, `sender-gone`, or what `end` was given. */
  get meeting(): Promise<Meeting> {
    return this.#meeting.promise;
  }

  /** The sender is proven: from here on the server's word that somebody left changes nothing. */
  get secured(): boolean {
    return this.#secure !== null;
  }

  /** Takes in what the server says comes from the sender. What belongs to another run is dropped. */
  async hear(message: Uint8Array): Promise<void> {
    try {
      if (readHeader(message).run !== this.#handshake.run) return;
      if (this.#secure) await this.#hearPayloads(this.#open(this.#secure, message));
      else await this.#step(message);
    } catch (error) {
      this.end(error);
    }
  }

  /** Gives up, unless the meeting has taken place. */
  end(error: unknown): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#meeting.reject(asTransferError(error));
    void this.#negotiation.then((negotiation) => negotiation.abandon()).catch(() => {});
  }

  async #step(message: Uint8Array): Promise<void> {
    const step = this.#handshake.onMessage(message);
    if (step.type === 'keyed') {
      await this.#negotiation;
      this.#relay(this.#handshake.confirm(this.#batch.take()));
      return;
    }
    clearTimeout(this.#timer);
    const { session } = step;
    this.#secure = session;
    this.#batch.open((payloads) => this.#relay(session.seal(payloads)));
    const negotiation = await this.#negotiation;
    void negotiation.connected.then(
      (connected) => {
        if (this.#over) connected.lane.close();
        else this.#meeting.resolve({ secure: session, connected });
      },
      (error) => this.end(error),
    );
    await this.#hearPayloads(step.payloads);
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
    const negotiation = await this.#negotiation;
    for (const payload of payloads) {
      if (payload.type === 'bye') throw new TransferError('cancelled', payload.code, { source: 'remote' });
      if (payload.lane === FIRST_LANE) await negotiation.hear(payload);
    }
  }
}

function asTransferError(error: unknown): TransferError {
  if (error instanceof TransferError) return error;
  const code = error instanceof ProtocolViolation ? 'protocol-violation' : 'internal';
  return new TransferError(code, error instanceof Error ? error.message : code, { cause: error });
}
