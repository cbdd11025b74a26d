import { ProtocolViolation, TransferError } from '#protocol/errors.ts';
import type { Fingerprints } from '#protocol/handshake/lane-proof.ts';
import type { SealedPayload } from '#protocol/handshake/sealed-payload.ts';
import { DataChannelLane } from './data-channel-lane.ts';
import { fingerprintOf, requireDataOnly, withoutCandidates } from './description.ts';
import type { Lane, Route } from './lane.ts';
import { CONNECT_TIMEOUT_MS, MAX_REMOTE_CANDIDATES, MIN_LANE_MESSAGE_BYTES } from './limits.ts';
import type { PeerConnection, Platform } from './platform.ts';
import { NamedAddresses, viewRoute } from './route.ts';

type Offer = Extract<SealedPayload, { type: 'offer' }>;
/** What concerns one lane: all of it carries the lane's id. */
export type NegotiationPayload = Extract<SealedPayload, { lane: string }>;

/** A lane that stands, with what its proof binds. */
export interface ConnectedLane {
  readonly lane: Lane;
  /** Null where both sides have proven themselves on it already. */
  readonly fingerprints: Fingerprints | null;
  /** Which way it goes, as far as this side can tell; null while it cannot. */
  readonly viewRoute: () => Promise<Route | null>;
}

/** One whose proofs are still to be exchanged. */
export interface UnprovenLane extends ConnectedLane {
  readonly fingerprints: Fingerprints;
}

export interface NegotiationSetup {
  readonly platform: Platform;
  readonly iceServers: RTCIceServer[];
  /** Carries a payload to the other side: sealed through the server, or in a lane that stands. */
  readonly say: (payload: NegotiationPayload) => void;
}

/**
 * Makes one lane: offer, answer and trickled candidates for one peer connection.
 * The receiver of a share always offers. There is no restart: a changed network means a new lane.
 * @see docs/transfer-protocol.md "Negotiating a lane"
 */
export class LaneNegotiation {
  readonly laneId: string;
  readonly #setup: NegotiationSetup;
  readonly #connection: PeerConnection;
  readonly #named = new NamedAddresses();
  #channel: RTCDataChannel | null = null;
  #remoteDescribed = false;
  #remoteSdp = '';
  /** The peer's candidates that came before its description. */
  #early: RTCIceCandidateInit[] = [];
  /** This side's candidates that wait until it has applied the peer's description. */
  #held: NegotiationPayload[] = [];
  #remoteCandidates = 0;
  #settle: { resolve(lane: UnprovenLane): void; reject(error: unknown): void } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** The lane once it stands. Rejects with TransferError `no-route`, or ProtocolViolation. */
  readonly connected: Promise<UnprovenLane>;

  private constructor(laneId: string, setup: NegotiationSetup) {
    this.laneId = laneId;
    this.#setup = setup;
    this.#connection = setup.platform.createPeerConnection({ iceServers: setup.iceServers });
    this.connected = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Whoever never comes to await it must not end the process by that.
    this.connected.catch(() => {});
    this.#connection.addEventListener('icecandidate', ({ candidate }) => this.#trickle(candidate));
    this.#connection.addEventListener('connectionstatechange', () => {
      if (['failed', 'closed'].includes(this.#connection.connectionState))
        this.#fail(new TransferError('no-route', 'ICE or DTLS failed'));
    });
  }

  /** Starts a lane as the share's receiver; the offer is said as soon as it is made. */
  static async offer(laneId: string, setup: NegotiationSetup): Promise<LaneNegotiation> {
    const negotiation = new LaneNegotiation(laneId, setup);
    const connection = negotiation.#connection;
    try {
      negotiation.#open();
      await connection.setLocalDescription(await connection.createOffer());
    } catch (error) {
      negotiation.#fail(error);
      throw error;
    }
    setup.say({ type: 'offer', lane: laneId, sdp: withoutCandidates(negotiation.#localSdp()) });
    return negotiation;
  }

  /** Takes a lane up as the share's sender. @throws ProtocolViolation for an offer that cannot be applied */
  static async answer(offer: Offer, setup: NegotiationSetup): Promise<LaneNegotiation> {
    const negotiation = new LaneNegotiation(offer.lane, setup);
    const connection = negotiation.#connection;
    try {
      await negotiation.#describeRemote('offer', offer.sdp);
      negotiation.#open();
      await connection.setLocalDescription(await connection.createAnswer());
    } catch (error) {
      negotiation.#fail(error);
      throw error;
    }
    setup.say({ type: 'answer', lane: offer.lane, sdp: withoutCandidates(negotiation.#localSdp()) });
    return negotiation;
  }

  /** Takes in what the other side says of this lane. Malformed input fails the lane. */
  async hear(payload: NegotiationPayload): Promise<void> {
    try {
      if (payload.type === 'answer') await this.#describeRemote('answer', payload.sdp);
      else if (payload.type === 'candidate') await this.#addCandidate(payload);
      else if (payload.type === 'offer') throw new ProtocolViolation('a lane offered twice');
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Gives the lane up if it does not stand yet. */
  abandon(): void {
    this.#fail(new TransferError('cancelled'));
  }

  /** Both sides agree on channel 0 beforehand, which saves the exchange that would announce it. */
  #open(): void {
    const channel = this.#connection.createDataChannel('sallyport', { negotiated: true, id: 0 });
    this.#channel = channel;
    const { channelsTellQueue } = this.#setup.platform;
    const lane = new DataChannelLane(this.laneId, this.#connection, channel, channelsTellQueue);
    channel.addEventListener('open', () => void this.#stands(lane));
  }

  async #stands(lane: DataChannelLane): Promise<void> {
    try {
      if (lane.maxMessageBytes < MIN_LANE_MESSAGE_BYTES)
        throw new ProtocolViolation(`a lane for messages of ${lane.maxMessageBytes} bytes`);
      const local = fingerprintOf(this.#localSdp());
      // Where the platform cannot tell which certificate was presented, DTLS has still held it against this description.
      const remote =
        (await this.#setup.platform.remoteFingerprint(this.#connection)) ?? fingerprintOf(this.#remoteSdp);
      const isReceiver = this.#connection.localDescription?.type === 'offer';
      const fingerprints = isReceiver
        ? { receiver: local, sender: remote }
        : { receiver: remote, sender: local };
      clearTimeout(this.#timer);
      this.#settle?.resolve({
        lane,
        fingerprints,
        viewRoute: () => viewRoute(this.#connection, this.#named),
      });
      this.#settle = null;
    } catch (error) {
      this.#fail(error);
    }
  }

  async #describeRemote(type: 'offer' | 'answer', sdp: string): Promise<void> {
    if (this.#remoteDescribed) throw new ProtocolViolation('a lane described twice');
    this.#remoteDescribed = true;
    fingerprintOf(sdp);
    requireDataOnly(sdp);
    this.#named.addDescription(sdp);
    try {
      await this.#connection.setRemoteDescription({ type, sdp });
    } catch (cause) {
      throw new ProtocolViolation('description refused', { cause });
    }
    this.#remoteSdp = sdp;
    // From here on both sides check; before, the handshake has its own time.
    const giveUp = () => this.#fail(new TransferError('no-route', 'timed out'));
    if (this.#settle) this.#timer = setTimeout(giveUp, CONNECT_TIMEOUT_MS);
    for (const payload of this.#held.splice(0)) this.#setup.say(payload);
    for (const candidate of this.#early.splice(0)) await this.#apply(candidate);
  }

  async #addCandidate({
    candidate,
    sdpMid,
    sdpMLineIndex,
  }: Extract<SealedPayload, { type: 'candidate' }>): Promise<void> {
    this.#remoteCandidates += 1;
    if (this.#remoteCandidates > MAX_REMOTE_CANDIDATES) return;
    this.#named.addCandidate(candidate);
    const init = { candidate, sdpMid, sdpMLineIndex };
    if (this.#remoteSdp === '') this.#early.push(init);
    else await this.#apply(init);
  }

  /** A candidate that this platform cannot use (a name it cannot resolve, TCP) is no reason to give up the others. */
  async #apply(candidate: RTCIceCandidateInit): Promise<void> {
    await this.#connection.addIceCandidate(candidate).catch(() => {});
  }

  /**
   * An offerer names its candidates only once it has applied the answer: a peer that begins its checks earlier may have
   * its DTLS handshake fail at libdatachannel. @see docs/decisions/0002-candidates-follow-the-answer.md
   */
  #trickle(candidate: RTCIceCandidate | null): void {
    const payload = this.#candidatePayload(candidate);
    if (this.#remoteSdp === '') this.#held.push(payload);
    else this.#setup.say(payload);
  }

  #candidatePayload(candidate: RTCIceCandidate | null): NegotiationPayload {
    const lane = this.laneId;
    if (!candidate?.candidate) return { type: 'end-of-candidates', lane };
    const { sdpMid, sdpMLineIndex } = candidate;
    return {
      type: 'candidate',
      lane,
      // Node's begins with the attribute's name, as in a description.
      candidate: candidate.candidate.replace(/^a=/, ''),
      sdpMid: sdpMid ?? null,
      sdpMLineIndex: sdpMLineIndex ?? null,
    };
  }

  #localSdp(): string {
    return this.#connection.localDescription?.sdp ?? '';
  }

  #fail(error: unknown): void {
    clearTimeout(this.#timer);
    if (!this.#settle) return;
    this.#settle.reject(error);
    this.#settle = null;
    this.#channel?.close();
    this.#connection.close();
  }
}
