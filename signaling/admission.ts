import type { IncomingMessage } from 'node:http';
import type { Socket } from 'socket.io';
import { rateKey } from './address.ts';
import { isOwnOrigin } from './host-header.ts';
import type { Limits } from './limits.ts';
import { Tally } from './tally.ts';
import { RateTable, TokenBucket } from './token-bucket.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

type Transport = Socket['conn'];

/** Decides who may connect, and cuts connections that flood. */
export class Admission {
  readonly #limits: Limits;
  readonly #proxies: TrustedProxies;
  readonly #connections: RateTable;
  readonly #open = new Tally();
  #openInAll = 0;

  constructor(limits: Limits, proxies: TrustedProxies) {
    this.#limits = limits;
    this.#proxies = proxies;
    this.#connections = new RateTable(limits.connections, limits.rateEntries);
  }

  /** Why a handshake is refused, or null. */
  refusal(request: IncomingMessage): string | null {
    if (!isOwnOrigin(request.headers.origin, request.headers.host)) return 'cross-origin';
    const key = this.addressKeyOf(request);
    if (this.#openInAll >= this.#limits.sockets) return 'server-full';
    if (this.#open.of(key) >= this.#limits.socketsPerAddress) return 'rate-limited';
    return this.#connections.take(key, performance.now()) ? null : 'rate-limited';
  }

  /** Counts a connection of that address; call what it returns when it has ended, once. */
  open(key: string): () => void {
    this.#openInAll += 1;
    this.#open.add(key);
    return () => {
      this.#openInAll -= 1;
      this.#open.remove(key);
    };
  }

  /** Counts and watches a connection from its first moment. */
  watch(transport: Transport): void {
    transport.once('close', this.open(this.addressKey(transport)));

    const packets = new TokenBucket(this.#limits.packets, performance.now());
    transport.on('packet', () => {
      if (!packets.take(performance.now())) transport.close(true);
    });
  }

  /** What the limits of a connection's address are counted by. */
  addressKey(transport: Transport): string {
    return this.#addressKey(transport.remoteAddress, transport.request);
  }

  /** The same of a plain request. */
  addressKeyOf(request: IncomingMessage): string {
    return this.#addressKey(request.socket.remoteAddress, request);
  }

  #addressKey(remoteAddress: string | undefined, request: IncomingMessage): string {
    const forwardedFor = [request.headers['x-forwarded-for'] ?? []].flat().join(',');
    return rateKey(this.#proxies.clientAddress(remoteAddress, forwardedFor));
  }
}
