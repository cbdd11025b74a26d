import { randomInt } from 'node:crypto';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TransferError } from '#protocol/errors.ts';
import type { TcpAddress, TcpAddresses } from '#protocol/handshake/tcp-addresses.ts';
import { unmappedIpv4 } from '#stun-server/codec/ip-address.ts';
import { Deferred } from '#transport/deferred.ts';
import { isPrivate } from '#transport/route.ts';
import type { TcpLane, TcpLaneKeys } from '#transport/tcp-lanes.ts';
import { canonical } from './ip-ranges.ts';
import {
  BETTER_WAY_MS,
  DIAL_TIMEOUT_MS,
  MAX_DIALS,
  MAX_DIALS_WITHIN_A_LAN,
  MAX_PAUSE_MS,
  MAX_PROVEN,
  MAX_UNPROVEN,
  MEETING_TIMEOUT_MS,
  MIN_PAUSE_MS,
} from './limits.ts';
import type { TcpPort } from './tcp-port.ts';
import { secureConnection } from './tls-connection.ts';
import type { TlsLane } from './tls-lane.ts';

/**
 * Both sides dial each other and are dialled, until one connection is the lane. A connection may turn out to be
 * anybody's: only what proves itself counts, and nobody else keeps the peer waiting.
 */
export class Meeting {
  readonly #port: TcpPort;
  readonly #keys: TcpLaneKeys;
  /** What the peer named as its machine's own, and all that it named: who comes from there is no stranger. */
  readonly #hosts: ReadonlySet<string>;
  readonly #named: ReadonlySet<string>;
  readonly #outcome = new Deferred<TcpLane>();
  readonly #unproven = { named: 0, strangers: 0 };
  /** What is to be ended with the meeting. */
  readonly #sockets = new Set<Socket>();
  readonly #lanes = new Set<TlsLane>();
  readonly #timers: NodeJS.Timeout[] = [];
  #dialsLeft = MAX_DIALS;
  #over = false;

  /** @param theirs all that the peer named, of which `targets` are dialled */
  constructor(port: TcpPort, theirs: TcpAddresses, targets: TcpAddresses, keys: TcpLaneKeys) {
    this.#port = port;
    this.#keys = keys;
    const own = theirs.filter(({ kind }) => kind === 'host');
    this.#hosts = new Set(own.map(({ host }) => canonical(host)));
    this.#named = new Set(theirs.map(({ host }) => canonical(host)));
    this.#after(MEETING_TIMEOUT_MS, () => this.end(new TransferError('no-route', 'no TCP connection')));
    port.take((socket) => void this.#accept(socket));
    for (const target of targets) void this.#dial(target);
  }

  /** The lane that the share's sender chose. Rejects with TransferError `no-route`, or what the meeting was ended by. */
  get lane(): Promise<TcpLane> {
    return this.#outcome.promise;
  }

  end(error: TransferError): void {
    if (!this.#finish()) return;
    this.#outcome.reject(error);
  }

  /** Repeatedly, as a SYN that arrives before the other side's own has left is dropped or refused on its way. */
  async #dial(target: TcpAddress): Promise<void> {
    const address = { address: target.host, port: target.port };
    // What is outside of a LAN may be behind a NAT or a firewall, which let in only what answers.
    const punches = target.kind === 'reflexive' || !isPrivate(target.host);
    const limit = punches ? MAX_DIALS : MAX_DIALS_WITHIN_A_LAN;
    for (let dials = 0; dials < limit && this.#dialsLeft > 0 && !this.#over; dials++) {
      this.#dialsLeft -= 1;
      const socket = punches ? this.#port.dialFromHere(address) : this.#port.dial(address);
      if ((await this.#isConnected(socket)) && (await this.#prove(socket))) return;
      if (!this.#over) await sleep(randomInt(MIN_PAUSE_MS, MAX_PAUSE_MS + 1));
    }
  }

  async #accept(socket: Socket): Promise<void> {
    const whose = this.#named.has(remoteAddress(socket)) ? 'named' : 'strangers';
    if (this.#over || this.#unproven[whose] >= MAX_UNPROVEN) return void socket.resetAndDestroy();
    this.#unproven[whose] += 1;
    await this.#prove(socket);
    this.#unproven[whose] -= 1;
  }

  /** @returns whether the connection is the peer's, and may become the lane */
  async #prove(socket: Socket): Promise<boolean> {
    const remote = remoteAddress(socket);
    this.#sockets.add(socket);
    const lane = await secureConnection(socket, this.#keys);
    this.#sockets.delete(socket);
    if (lane === null) return false;
    if (this.#over || this.#lanes.size >= MAX_PROVEN) {
      lane.close();
      return false;
    }
    this.#lanes.add(lane);
    const isStraight = this.#hosts.has(remote);
    const found: TcpLane = { lane, route: isStraight && isPrivate(remote) ? 'lan' : 'direct' };
    if (this.#keys.role === 'receiver') void this.#awaitChoice(lane, found);
    else if (isStraight) this.#choose(lane, found);
    else this.#after(BETTER_WAY_MS, () => this.#choose(lane, found));
    return true;
  }

  /** By the share's sender. */
  #choose(lane: TlsLane, found: TcpLane): void {
    try {
      lane.send(new Uint8Array(0));
    } catch {
      this.#lanes.delete(lane);
      return;
    }
    this.#succeed(lane, found);
  }

  /** By its receiver. */
  async #awaitChoice(lane: TlsLane, found: TcpLane): Promise<void> {
    try {
      const word = await lane.next();
      if (word.length === 0) return this.#succeed(lane, found);
    } catch {} // It closed: the other side has chosen another.
    this.#lanes.delete(lane);
    lane.close();
  }

  #succeed(lane: TlsLane, found: TcpLane): void {
    this.#lanes.delete(lane);
    if (this.#finish()) this.#outcome.resolve(found);
    else lane.close();
  }

  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    for (const lane of this.#lanes) lane.close();
    return true;
  }

  #isConnected(socket: Socket): Promise<boolean> {
    this.#sockets.add(socket);
    return new Promise((resolve) => {
      const giveUp = setTimeout(() => socket.destroy(), DIAL_TIMEOUT_MS);
      const settle = (connected: boolean) => {
        clearTimeout(giveUp);
        this.#sockets.delete(socket);
        resolve(connected);
      };
      socket.once('connect', () => settle(true));
      socket.once('close', () => settle(false));
    });
  }

  #after(delayMs: number, action: () => void): void {
    this.#timers.push(setTimeout(action, delayMs));
  }
}

function remoteAddress({ remoteAddress }: Socket): string {
  return remoteAddress === undefined ? '' : unmappedIpv4(remoteAddress);
}
