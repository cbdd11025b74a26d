import { lookup } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import type { SocketAddress } from './codec/ip-address.ts';
import { listenOnFour } from './four-corners.ts';
import { MAX_PORT_ATTEMPTS, TCP_LIMITS } from './limits.ts';
import { listenTcp } from './tcp-listener.ts';
import { type Listener, listenUdp } from './udp-listener.ts';

/** A running server. */
export interface StunServer {
  /** The IP address it is bound to, `::` or `0.0.0.0` for every one. */
  readonly host: string;
  /** The same for UDP and TCP. */
  readonly port: number;
  /** The other address and port that NAT behaviour discovery needs; null without one. */
  readonly alternate: SocketAddress | null;
  /** `host:port` as clients on this machine may use it: IPv6 in brackets, 127.0.0.1 for every address. */
  address(): string;
  /** Ends every connection and frees the port. */
  close(): Promise<void>;
}

const EVERY_ADDRESS = new Set(['::', '0.0.0.0']);

/** What a machine says that has no IPv6. */
const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/**
 * Answers STUN Binding requests on UDP and TCP until closed.
 *
 * @param options.host an address or name of this machine; without one every address of it, IPv6 and IPv4.
 * `0.0.0.0` is every IPv4 address; `::` every one of both, IPv4 alone on a machine without IPv6.
 * @param options.port 0 for any that is free for both protocols.
 * @param options.alternate a second address of the same family, and a port (the first and one unless said): then
 * both ports are served on both addresses, and clients can discover how their NAT behaves (RFC 5780).
 * @throws RangeError where the two addresses cannot serve that: one of them is every address, they are one or of
 * two families, or the two ports are one.
 * @throws the system's error, whose `code` says why: `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, `ENOTFOUND`.
 * @see RFC 8489
 */
export async function startStunServer(options: {
  host?: string;
  port: number;
  alternate?: { host: string; port?: number };
}): Promise<StunServer> {
  const { address: host } = await lookup(options.host ?? '::');
  if (options.alternate !== undefined) {
    const { address: alternateHost } = await lookup(options.alternate.host);
    return startOnFour(host, options.port, alternateHost, options.alternate.port);
  }
  try {
    return await startOn(host, options.port);
  } catch (error) {
    if (host !== '::' || !NO_IPV6.has(systemCode(error))) throw error;
    return startOn('0.0.0.0', options.port);
  }
}

async function startOn(host: string, port: number): Promise<StunServer> {
  const listeners = await listenOnBoth(host, port);
  return running(host, listeners[0].port, null, listeners);
}

async function startOnFour(
  host: string,
  port: number,
  alternateHost: string,
  alternatePort: number | undefined,
): Promise<StunServer> {
  refuseUnlikeHosts(host, alternateHost);
  for (let attempt = 1; ; attempt++) {
    const first = port === 0 ? await freePort(host) : port;
    const alternate = { address: alternateHost, port: alternatePort ?? first + 1 };
    if (alternate.port === first) throw new RangeError('The two ports are one');
    try {
      const listeners = await listenOnFour({ address: host, port: first }, alternate);
      return running(host, first, alternate, listeners);
    } catch (error) {
      if (!mayRetry(port, error, attempt)) throw error;
    }
  }
}

/** "Unless the server has a second IP address" it must not say so; and a socket on every address cannot tell them apart. */
function refuseUnlikeHosts(host: string, alternateHost: string): void {
  if ([host, alternateHost].some((each) => EVERY_ADDRESS.has(each)))
    throw new RangeError('An alternate address needs two that are named, not every address');
  if (isIPv6(host) !== isIPv6(alternateHost)) throw new RangeError('The two addresses are of two families');
  if (host === alternateHost) throw new RangeError('The two addresses are one');
}

async function freePort(host: string): Promise<number> {
  const [udp, tcp] = await listenOnBoth(host, 0);
  await Promise.all([udp.close(), tcp.close()]);
  return udp.port;
}

function running(
  host: string,
  port: number,
  alternate: SocketAddress | null,
  listeners: readonly Listener[],
): StunServer {
  let closed: Promise<unknown> | undefined;
  return {
    host,
    port,
    alternate,
    address: () => `${usableHost(host)}:${port}`,
    close: async () => {
      closed ??= Promise.all(listeners.map((listener) => listener.close()));
      await closed;
    },
  };
}

/** Any free port is UDP's choice first; where TCP's side of that number is taken, another is tried. */
async function listenOnBoth(host: string, port: number): Promise<[Listener, Listener]> {
  for (let attempt = 1; ; attempt++) {
    const udp = await listenUdp(host, port);
    try {
      return [udp, await listenTcp(host, udp.port, TCP_LIMITS)];
    } catch (error) {
      await udp.close();
      if (!mayRetry(port, error, attempt)) throw error;
    }
  }
}

function mayRetry(port: number, error: unknown, attempt: number): boolean {
  return port === 0 && systemCode(error) === 'EADDRINUSE' && attempt < MAX_PORT_ATTEMPTS;
}

function usableHost(host: string): string {
  if (EVERY_ADDRESS.has(host)) return '127.0.0.1';
  return isIPv6(host) ? `[${host}]` : host;
}

function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
