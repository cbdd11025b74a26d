import { type ControlMessage, type Ending, encodeControlMessage } from '#protocol/control-message.ts';
import { ControlStream } from '#protocol/control-stream.ts';
import { ProtocolViolation, TransferError, type TransferErrorCode } from '#protocol/errors.ts';
import type { SecureSession } from '#protocol/handshake/secure-session.ts';
import {
  decodeLaneMessage,
  encodeControlAck,
  encodePing,
  encodeProof,
  encodeReceipt,
  type Frame,
} from '#protocol/lane-message.ts';
import { endMeeting, type Meeting } from './first-lane.ts';
import { FurtherLanes, type Reach } from './further-lanes.ts';
import type { Lane, Route } from './lane.ts';
import type { ConnectedLane } from './lane-negotiation.ts';
import {
  DEAD_PINGS,
  GOODBYE_TIMEOUT_MS,
  LINGER_MS,
  MAX_BACKLOG_BYTES,
  PING_INTERVAL_MS,
  PROOF_TIMEOUT_MS,
  ROUTE_LOOKS_MS,
  SILENT_PINGS,
} from './limits.ts';
import { Pings } from './pings.ts';
import { Receipts } from './receipts.ts';
import { agreeOnRoute } from './route.ts';
import type { TcpWay } from './tcp-way.ts';

/** What a session tells its owner: the driver of the share's sender or receiver. */
export interface SessionHandlers<Heard extends ControlMessage> {
  /** Decodes what the other role says. @throws ProtocolViolation */
  decode(body: Uint8Array): Heard;
  /** @throws ProtocolViolation, which ends the session */
  onControl(message: Heard): void;
  /** The frame's parts are its only until it returns. @throws ProtocolViolation, which ends the session */
  onFrame(frame: Frame): void;
  /** The peer has so many bytes of the frames that were sent on this lane. @throws ProtocolViolation, which ends the session */
  onReceipt(lane: Lane, totalBytes: number): void;
  /** A lane is proven and may carry data. */
  onLane(lane: Lane): void;
  onLaneLost(lane: Lane): void;
  /** Route or round trip are known, or changed. */
  onRoute(): void;
  /** Nothing has come for a while that shows that this side is heard, on any lane; or something has, again. */
  onSilence(silent: boolean): void;
  /** Once. `complete` is the only good end; every other one is the error that people are shown. */
  onEnd(end: 'complete' | TransferError): void;
}

/** A lane of the session. */
interface Member extends ConnectedLane {
  /** The peer has shown on it that it holds the session's keys. */
  proven: boolean;
  /** Pings since anything came but pings: a way may be lost in one direction, and those of the peer come all the same. */
  silentPings: number;
  readonly proofTimer: ReturnType<typeof setTimeout>;
}

/**
 * Two authenticated peers and the lanes between them. It proves lanes, carries control messages exactly once over
 * whichever lane lives, keeps watch by pings, and ends for one reason only.
 * @see docs/transfer-protocol.md "The session"
 */
export class Session<Heard extends ControlMessage> {
  readonly #secure: SecureSession;
  readonly #handlers: SessionHandlers<Heard>;
  readonly #controls = new ControlStream();
  readonly #members = new Map<string, Member>();
  readonly #usedLaneIds = new Set<string>();
  readonly #further: FurtherLanes;
  #tcp: TcpWay | null = null;
  readonly #receipts: Receipts;
  readonly #pinger: ReturnType<typeof setInterval>;
  readonly #pings: Pings;
  #ended = false;
  #leaving = false;
  #silent = false;
  /** By which control messages go. */
  #voice: Member | null = null;
  #goodbye: (() => void) | null = null;
  #ownRoute: Route | null = null;
  #peerRoute: Route | null = null;
  #rttMs: number | null = null;
  #allClosed: () => void = () => {};

  /** Resolves when the session has ended and its last lane has closed: everything that could be said has been. */
  readonly closed: Promise<void> = new Promise((resolve) => {
    this.#allClosed = resolve;
  });

  constructor(secure: SecureSession, reach: Reach, handlers: SessionHandlers<Heard>) {
    this.#secure = secure;
    this.#pings = new Pings(() => reach.platform.nowMs());
    this.#handlers = handlers;
    this.#receipts = new Receipts(
      (lane, bytes) => this.#post(lane, encodeReceipt(bytes)),
      (task) => reach.platform.soon(task),
    );
    this.#further = new FurtherLanes(
      reach,
      (payload) => this.say({ type: 'lane', payload }),
      (connected) => this.add(connected),
    );
    this.#pinger = setInterval(() => this.#watch(), PING_INTERVAL_MS);
  }

  /** The worse of nothing known and what either side could prove. */
  get route(): Route | null {
    return agreeOnRoute([this.#ownRoute, this.#peerRoute]);
  }

  /** Round trip over a lane, queues included. */
  get rttMs(): number | null {
    return this.#rttMs;
  }

  /** Whether this side has ended it, and the peer has heard so. */
  get tookLeave(): boolean {
    return this.#leaving && this.#controls.pending === 0;
  }

  /** Lanes that may carry data. */
  get lanes(): Lane[] {
    return this.#proven.map(({ lane }) => lane);
  }

  get #proven(): Member[] {
    return [...this.#members.values()].filter(({ proven }) => proven);
  }

  /** Those of them that are data channels. */
  get channels(): Lane[] {
    return this.lanes.filter(({ kind }) => kind === 'data-channel');
  }

  /** Takes over what a meeting has brought, and what may still come of it. */
  begin(meeting: Meeting): void {
    if (this.#ended) {
      endMeeting(meeting);
      return;
    }
    const { connected, others, tcp } = meeting;
    this.#tcp = tcp;
    tcp?.sayThrough((addresses) => this.say({ type: 'tcp', addresses }));
    this.add(connected);
    for (const other of others)
      other.then(
        (lane) => this.add(lane),
        () => {},
      );
  }

  /** Takes a connected lane in; it carries data once its proofs are exchanged. */
  add(connected: ConnectedLane): void {
    const { lane, fingerprints } = connected;
    if (this.#ended || this.#usedLaneIds.has(lane.id)) {
      lane.close();
      return;
    }
    this.#usedLaneIds.add(lane.id);
    const proofTimer = setTimeout(() => lane.close(), PROOF_TIMEOUT_MS);
    const member: Member = { ...connected, proven: false, silentPings: 0, proofTimer };
    this.#members.set(lane.id, member);
    // Before anything else: taking in the peer's proof, which may be here already, makes this side speak.
    if (fingerprints) this.#post(lane, encodeProof(this.#secure.laneProof(lane.id, fingerprints)));
    else this.#prove(member);
    lane.attach(
      (message) => this.#take(member, message),
      (reason) => this.#lose(member, reason),
    );
  }

  /** The receiver: offers data channels until so many stand or are being made. */
  widen(count: number): void {
    if (!this.#ended) this.#further.offer(count - this.channels.length - this.#further.making);
  }

  /**
   * Says a control message, now or when a lane lives and the peer has taken in enough of those before. A peer that
   * takes in nothing is cut off by it; that ends the session and never throws, whoever was about to speak.
   */
  say(message: ControlMessage): void {
    if (this.#ended) return;
    try {
      this.#tell(message);
    } catch (error) {
      this.#endBy(error);
    }
  }

  /**
   * Ends the session: tells the peer why, waits a moment until it has heard everything, closes the lanes.
   * @param error what this side's owner is told; null for a good end
   */
  async end(code: Ending, error: TransferError | null): Promise<void> {
    if (this.#ended) return this.closed;
    try {
      this.#tell({ type: 'bye', code });
      this.#leaving = true;
    } catch {
      // A peer that acknowledges nothing is not told either.
    }
    this.#finish(error ?? 'complete');
    await this.#farewell();
    this.#closeLanes();
  }

  /** Ends without a word: nobody is there to hear it, or nobody who should. */
  abort(error: TransferError): void {
    this.#finish(error);
    this.#closeLanes();
  }

  /** Waits until the peer has heard everything, as long as what is queued before the last words still drains. */
  async #farewell(): Promise<void> {
    for (let queued = this.#queuedBytes; ; queued = this.#queuedBytes) {
      if (this.#controls.pending === 0 || this.#members.size === 0) return;
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#goodbye = resolve;
        timer = setTimeout(resolve, GOODBYE_TIMEOUT_MS);
      });
      clearTimeout(timer);
      if (this.#queuedBytes >= queued) return;
    }
  }

  get #queuedBytes(): number {
    return this.lanes.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0);
  }

  #tell(message: ControlMessage): void {
    this.#broadcast(this.#controls.say(encodeControlMessage(message)));
  }

  #take(member: Member, bytes: Uint8Array<ArrayBuffer>): void {
    try {
      const message = decodeLaneMessage(bytes);
      if (message.kind !== 'ping') this.#answered(member);
      if (message.kind === 'proof') this.#checkProof(member, message.proof);
      else if (!member.proven) this.#refuse(member, 'said something before its proof');
      else if (message.kind === 'control-ack') this.#acknowledged(message.next);
      else if (message.kind === 'ping') this.#post(member.lane, encodePing('pong', message.token));
      else if (message.kind === 'pong') this.#ponged(member, message.token);
      else if (message.kind === 'control') this.#hear(member, message.seq, message.body);
      else if (this.#ended) return;
      else if (message.kind === 'receipt') this.#handlers.onReceipt(member.lane, message.bytes);
      else {
        this.#receipts.came(member.lane, bytes.length);
        this.#handlers.onFrame(message);
        member.lane.recycle?.(bytes);
      }
    } catch (error) {
      this.#fail(error, member);
    }
  }

  #checkProof(member: Member, proof: Uint8Array): void {
    const { lane, fingerprints } = member;
    if (member.proven || !fingerprints) throw new ProtocolViolation('a lane proven twice');
    if (this.#secure.checkLaneProof(lane.id, fingerprints, proof)) this.#prove(member);
    else this.#refuse(member, 'its proof does not fit this connection');
  }

  #prove(member: Member): void {
    const { lane } = member;
    clearTimeout(member.proofTimer);
    member.proven = true;
    for (const message of this.#controls.replay()) this.#post(lane, message);
    this.#voice ??= member;
    this.#ping(member);
    this.#handlers.onLane(lane);
    if (this.#isFirst(member))
      for (const delayMs of ROUTE_LOOKS_MS) setTimeout(() => void this.#look(member), delayMs);
  }

  /** Whoever is at the other end of this lane is not the peer: that ends the lane, and the session if it is the only one. */
  #refuse(member: Member, why: string): void {
    if (this.#members.size === 1) this.abort(new TransferError('tampered', `a lane was refused: ${why}`));
    else member.lane.close();
  }

  #hear(member: Member, seq: number, body: Uint8Array): void {
    const bodies = this.#controls.hear(seq, body);
    this.#post(member.lane, encodeControlAck(this.#controls.heardUpTo));
    for (const next of bodies) {
      if (this.#ended) return;
      const message = this.#handlers.decode(next);
      if (message.type === 'bye') this.#heardBye(message.code);
      else if (message.type === 'route') this.#setRoutes(this.#ownRoute, message.route);
      else if (message.type === 'tcp') this.#tcp?.hear(message.addresses);
      else if (message.type === 'lane')
        this.#further.hear(this.#secure.role, message.payload, this.#members.size);
      else this.#handlers.onControl(message);
    }
  }

  #heardBye(code: Ending): void {
    this.#finish(
      code === 'complete'
        ? 'complete'
        : new TransferError(code, 'the other side ended it', { source: 'remote' }),
    );
    // The peer closes when it has heard that its bye was; a peer whose process has ended meanwhile cannot.
    setTimeout(() => this.#closeLanes(), LINGER_MS);
  }

  #acknowledged(next: number): void {
    this.#broadcast(this.#controls.acknowledged(next));
    if (this.#controls.pending === 0) this.#goodbye?.();
  }

  #broadcast(messages: Uint8Array<ArrayBuffer>[]): void {
    const voice = this.#chooseVoice();
    // On another lane all that waits for its acknowledgement is said again, these among it; without one it is kept.
    const said = voice === this.#voice ? messages : this.#controls.replay();
    this.#voice = voice;
    if (voice) for (const message of said) this.#post(voice.lane, message);
  }

  /** The lane that it was, unless another is heard on and that one is not. */
  #chooseVoice(): Member | null {
    const members = this.#proven;
    const current = members.find((member) => member === this.#voice) ?? members[0] ?? null;
    return current && isSilent(current) ? (members.find((one) => !isSilent(one)) ?? current) : current;
  }

  /** What was said on a lane that has fallen silent is said again on one that has not. */
  #keepVoice(): void {
    this.#broadcast([]);
  }

  #post(lane: Lane, message: Uint8Array<ArrayBuffer>): void {
    try {
      if (lane.bufferedBytes > MAX_BACKLOG_BYTES) throw new Error('the peer asks and takes nothing in');
      lane.send(message);
    } catch {
      lane.close();
    }
  }

  #lose(member: Member, reason: string): void {
    clearTimeout(member.proofTimer);
    if (!this.#members.delete(member.lane.id)) return;
    this.#receipts.forget(member.lane);
    if (member.proven) this.#handlers.onLaneLost(member.lane);
    if (this.#members.size > 0) {
      // What it had been told and not acknowledged is said again on a lane that lives.
      if (member.proven) this.#broadcast(this.#controls.replay());
      return;
    }
    this.#goodbye?.();
    if (!this.#ended) this.#finish(new TransferError('connection-lost', reason));
    this.#allClosed();
  }

  #watch(): void {
    for (const member of this.#proven) {
      member.silentPings += 1;
      if (member.silentPings > DEAD_PINGS) member.lane.close();
      else this.#ping(member);
    }
    // A lane whose proof is awaited says nothing, and speaks for none.
    const members = this.#proven;
    if (members.length > 0 && members.every(isSilent) && !this.#silent) this.#setSilent(true);
    this.#keepVoice();
  }

  #answered(member: Member): void {
    const wasSilent = isSilent(member);
    member.silentPings = 0;
    if (this.#silent) this.#setSilent(false);
    if (wasSilent) this.#keepVoice();
  }

  #setSilent(silent: boolean): void {
    this.#silent = silent;
    if (!this.#ended) this.#handlers.onSilence(silent);
  }

  #ping({ lane }: Member): void {
    this.#post(lane, encodePing('ping', this.#pings.send()));
  }

  #ponged(member: Member, token: number): void {
    const rttMs = this.#pings.answered(token);
    // One lane speaks for all: they go between the same two machines.
    if (rttMs === null || !this.#isFirst(member)) return;
    this.#rttMs = rttMs;
    this.#handlers.onRoute();
    void this.#look(member);
  }

  #isFirst(member: Member): boolean {
    const [first] = this.#members.values();
    return first === member;
  }

  /** Sees which way the lane goes, and tells the peer what this side makes of it: ICE may change its mind. */
  async #look(member: Member): Promise<void> {
    const route = await member.viewRoute().catch(() => null);
    if (!route || this.#ended || !this.#members.has(member.lane.id) || route === this.#ownRoute) return;
    this.#setRoutes(route, this.#peerRoute);
    this.say({ type: 'route', route });
  }

  #setRoutes(own: Route | null, peer: Route | null): void {
    this.#ownRoute = own;
    this.#peerRoute = peer;
    this.#handlers.onRoute();
  }

  #fail(error: unknown, member: Member): void {
    if (!member.proven) {
      this.#refuse(member, error instanceof Error ? error.message : 'malformed');
      return;
    }
    this.#endBy(error);
  }

  #endBy(error: unknown): void {
    const code: Ending & TransferErrorCode =
      error instanceof ProtocolViolation ? 'protocol-violation' : 'internal';
    void this.end(
      code,
      new TransferError(code, error instanceof Error ? error.message : code, { cause: error }),
    );
  }

  #finish(end: 'complete' | TransferError): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#pinger);
    this.#further.close();
    this.#tcp?.abandon();
    this.#handlers.onEnd(end);
  }

  #closeLanes(): void {
    for (const { lane } of [...this.#members.values()]) lane.close();
    this.#allClosed();
  }
}

const isSilent = ({ silentPings }: Member): boolean => silentPings >= SILENT_PINGS;
