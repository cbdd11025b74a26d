import type { TcpAddress, TcpAddresses } from '#protocol/handshake/tcp-addresses.ts';
import { canonical, isForbidden, isLoopback } from './ip-ranges.ts';

/** What of this machine decides where a peer may send it. */
export interface OwnAddresses {
  readonly own: readonly string[];
  /** The broadcast addresses of its networks. */
  readonly broadcast: readonly string[];
  /** The port by which it meets the peer. */
  readonly port: number;
}

/**
 * Which of a peer's addresses are dialled. None that would reach this machine, where the peer could try its listeners,
 * or that is no other machine's: loopback, link-local, multicast, unspecified, broadcast.
 * @param isOneMachine for tests: both peers are on this machine, which then is dialled, but for its own port
 */
export function dialTargets(
  theirs: TcpAddresses,
  { own, broadcast, port }: OwnAddresses,
  isOneMachine: boolean,
): TcpAddress[] {
  const targets = new Map<string, TcpAddress>();
  for (const address of theirs) {
    const host = canonical(address.host);
    if (isForbidden(host) || broadcast.includes(host)) continue;
    const isHere = isLoopback(host) || own.includes(host);
    if (isHere && (!isOneMachine || address.port === port)) continue;
    // A machine without a NAT is seen by STUN servers as what it is.
    const key = `${host} ${address.port}`;
    if (targets.get(key)?.kind !== 'host') targets.set(key, { ...address, host });
  }
  return [...targets.values()];
}
