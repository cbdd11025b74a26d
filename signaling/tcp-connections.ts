import type { Socket } from 'node:net';
import { canonicalAddress, rateKey } from './address.ts';
import { Tally } from './tally.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** What stands below HTTP: each address' share of it, except for trusted proxies, who come for many. */
export class TcpConnections {
  readonly #perAddress: number;
  readonly #proxies: TrustedProxies;
  readonly #open = new Set<Socket>();
  readonly #tally = new Tally();

  constructor(perAddress: number, proxies: TrustedProxies) {
    this.#perAddress = perAddress;
    this.#proxies = proxies;
  }

  /** Takes a connection in, or cuts it where its address has its share. */
  admit(socket: Socket): void {
    const address = canonicalAddress(socket.remoteAddress ?? '') ?? 'unknown';
    const key = rateKey(address);
    if (this.#tally.of(key) >= this.#perAddress && !this.#proxies.trusts(address)) {
      socket.destroy();
      return;
    }
    this.#open.add(socket);
    this.#tally.add(key);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#tally.remove(key);
    });
  }

  destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
