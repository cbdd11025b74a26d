import { BlockList, isIPv6 } from 'node:net';
import { canonicalAddress } from './address.ts';

const family = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');

/** Some proxies write the port that a client came from: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
const withoutPort = (hop: string): string =>
  hop.replace(/^([\d.]+):\d+$/, '$1').replace(/^\[([^\]]+)\](:\d+)?$/, '$1');

/** The proxies whose `X-Forwarded-For` is believed; anybody else's is a claim that costs nothing to make. */
export class TrustedProxies {
  readonly #list = new BlockList();

  /**
   * @param entries addresses, or networks as `address/prefix`
   * @throws Error naming the entry that is neither
   */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const [text = '', prefix, ...rest] = entry.split('/');
      const address = canonicalAddress(text);
      const bits = prefix === undefined ? null : Number(prefix);
      const malformed =
        address === null || rest.length > 0 || (prefix !== undefined && !/^\d{1,3}$/.test(prefix));
      if (malformed || (bits ?? 0) > (family(address) === 'ipv4' ? 32 : 128)) {
        throw new Error(`not an address or network: ${entry}`);
      }
      if (bits === null) this.#list.addAddress(address, family(address));
      else this.#list.addSubnet(address, bits, family(address));
    }
  }

  /** @param address canonical, or `unknown` */
  trusts(address: string): boolean {
    return address !== 'unknown' && this.#list.check(address, family(address));
  }

  /**
   * Who made a request: the right-most hop that is no trusted proxy. Every hop further left was written by
   * that one, who may lie. What is no address ends the walk at the proxy that wrote it.
   */
  clientAddress(remoteAddress: string | undefined, forwardedFor: string | undefined): string {
    let client = canonicalAddress(remoteAddress ?? '') ?? 'unknown';
    const hops = (forwardedFor ?? '').split(',');
    while (this.trusts(client)) {
      const hop = canonicalAddress(withoutPort((hops.pop() ?? '').trim()));
      if (hop === null) break;
      client = hop;
    }
    return client;
  }
}
