import { TransferError } from '#protocol/errors.ts';
import type { TcpAddresses } from '#protocol/handshake/tcp-addresses.ts';
import { Deferred } from './deferred.ts';
import type { ConnectedLane } from './lane-negotiation.ts';
import { TCP_PATIENCE_MS } from './limits.ts';
import type { TcpLaneKeys, TcpLaneMaker, TcpMeetingPoint } from './tcp-lanes.ts';

/**
 * The making of a session's lane over TCP, beside that of its first data channel: begun before the session has keys, told
 * and heard through the server or, once a lane stands, in that.
 */
export class TcpWay {
  readonly #connected = new Deferred<ConnectedLane>();
  readonly #stopping = new AbortController();
  /** A page never names addresses: the port is not kept open for it. */
  readonly #patience: ReturnType<typeof setTimeout>;
  #say: (addresses: TcpAddresses) => void;
  #point: TcpMeetingPoint | null = null;
  #theirs: TcpAddresses | null = null;
  #keys: TcpLaneKeys | null = null;
  #isMeeting = false;
  #isOver = false;

  /** @param say tells the other side where this one may be dialled */
  constructor(
    maker: TcpLaneMaker,
    iceServers: readonly RTCIceServer[],
    say: (addresses: TcpAddresses) => void,
  ) {
    this.#say = say;
    const urls = iceServers.flatMap((server) => server.urls);
    const stunUrls = urls.filter((url) => url.startsWith('stun:'));
    maker.prepare({ stunUrls, signal: this.#stopping.signal }).then(
      (point) => this.#prepared(point),
      (error: unknown) => this.#connected.reject(error),
    );
    this.#patience = setTimeout(() => this.abandon(), TCP_PATIENCE_MS);
    this.connected.then(
      () => this.#end(),
      () => this.#end(),
    );
  }

  /** The lane, proven on both sides. Rejects with TransferError `no-route` or `cancelled`, or where no port was to be had. */
  get connected(): Promise<ConnectedLane> {
    return this.#connected.promise;
  }

  /** Whether it may still come about. Where the other side has named no addresses nothing will. */
  get isPending(): boolean {
    return this.#theirs !== null && !this.#isOver;
  }

  /** What is still to be told goes this way from now on. */
  sayThrough(say: (addresses: TcpAddresses) => void): void {
    this.#say = say;
  }

  /** The session has its keys. */
  secure(keys: TcpLaneKeys): void {
    this.#keys = keys;
    this.#meet();
  }

  /** Where the other side may be dialled. What it says a second time is passed over. */
  hear(addresses: TcpAddresses): void {
    this.#theirs ??= addresses;
    clearTimeout(this.#patience);
    this.#meet();
  }

  /** Gives it up, unless it stands. */
  abandon(): void {
    const cancelled = new TransferError('cancelled');
    this.#stopping.abort(cancelled);
    this.#point?.close();
    this.#connected.reject(cancelled);
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#patience);
  }

  #prepared(point: TcpMeetingPoint): void {
    this.#point = point;
    if (this.#stopping.signal.aborted) point.close();
    else this.#say(point.addresses);
    this.#meet();
  }

  #meet(): void {
    const [point, theirs, keys] = [this.#point, this.#theirs, this.#keys];
    if (!point || !theirs || !keys || this.#isMeeting) return;
    this.#isMeeting = true;
    point
      .meet(theirs, keys)
      .then(
        ({ lane, route }) =>
          this.#connected.resolve({ lane, fingerprints: null, viewRoute: async () => route }),
        (error: unknown) => this.#connected.reject(error),
      )
      .finally(() => point.close());
  }
}
