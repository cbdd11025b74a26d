import { MAX_TCP_ADDRESSES } from '#protocol/handshake/limits.ts';
import type { TcpAddress, TcpAddresses } from '#protocol/handshake/tcp-addresses.ts';
import type { SocketAddress } from '#stun-server/codec/ip-address.ts';
import { isForbidden, isLoopback } from './ip-ranges.ts';

/**
 * What the peer is told of where this side is dialled: what STUN servers saw, then the machine's own addresses, IPv4
 * before IPv6, of which a machine with many networks has more than may be told.
 * @param isOneMachine for tests: loopback among them
 */
export function offeredAddresses(
  own: readonly string[],
  port: number,
  reflexive: readonly SocketAddress[],
  isOneMachine: boolean,
): TcpAddresses {
  const hosts = own
    .filter((host) => !isForbidden(host) && (isOneMachine || !isLoopback(host)))
    .sort((a, b) => Number(a.includes(':')) - Number(b.includes(':')));
  const seen = reflexive.filter(({ address }) => !own.includes(address));
  const offered = [
    ...seen.map(({ address, port }): TcpAddress => ({ host: address, port, kind: 'reflexive' })),
    ...hosts.map((host): TcpAddress => ({ host, port, kind: 'host' })),
  ];
  const distinct = new Map(offered.map((address) => [`${address.host} ${address.port}`, address]));
  return [...distinct.values()].slice(0, MAX_TCP_ADDRESSES);
}
