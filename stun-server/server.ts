import { lookup } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import { MAX_PORT_ATTEMPTS, TCP_LIMITS } from './limits.ts';
import { listenTcp } from './tcp-listener.ts';
import { type Listener, listenUdp } from './udp-listener.ts';

/** A running server. */
export interface StunServer {
  /** The IP address it is bound to, `::` or `0.0.0.0` for every one. */
  readonly host: string;
  /** The same for UDP and TCP. */
  readonly port: number;
  /** `host:port` as clients on this machine may use it: IPv6 in brackets, 127.0.0.1 for every address. */
  address(): string;
  /** Ends every connection and frees the port. */
  close(): Promise<void>;
}

/** What a machine says that has no IPv6. */
const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/**
 * Answers STUN Binding requests on UDP and TCP until closed.
 *
 * @param options.host an address or name of this machine; without one every address of it, IPv6 and IPv4.
 * `0.0.0.0` is every IPv4 address; `::` every one of both, IPv4 alone on a machine without IPv6.
 * @param options.port 0 for any that is free for both protocols.
 * @throws the system's error, whose `code` says why: `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, `ENOTFOUND`.
 * @see RFC 8489
 */
export async function startStunServer(options: { host?: string; port: number }): Promise<StunServer> {
  const { address: host } = await lookup(options.host ?? '::');
  try {
    return await startOn(host, options.port);
  } catch (error) {
    if (host !== '::' || !NO_IPV6.has(systemCode(error))) throw error;
    return startOn('0.0.0.0', options.port);
  }
}

async function startOn(host: string, port: number): Promise<StunServer> {
  const [udp, tcp] = await listenOnBoth(host, port);
  let closed: Promise<unknown> | undefined;
  return {
    host,
    port: udp.port,
    address: () => `${usableHost(host)}:${udp.port}`,
    close: async () => {
      closed ??= Promise.all([udp.close(), tcp.close()]);
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
      const mayRetry = port === 0 && systemCode(error) === 'EADDRINUSE' && attempt < MAX_PORT_ATTEMPTS;
      if (!mayRetry) throw error;
    }
  }
}

function usableHost(host: string): string {
  if (host === '::' || host === '0.0.0.0') return '127.0.0.1';
  return isIPv6(host) ? `[${host}]` : host;
}

function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
