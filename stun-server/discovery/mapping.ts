import type { SocketAddress } from '../codec/ip-address.ts';
import { isSame, type Mapping } from './behaviour.ts';

/** The server addresses that tests I, II and III of RFC 5780 section 4.3 ask: its own, the other IP, the other IP and port. */
export function mappingServers(primary: SocketAddress, other: SocketAddress): SocketAddress[] {
  return [primary, { address: other.address, port: primary.port }, other];
}

/**
 * What the mapped addresses of one local port, seen from `mappingServers`, say.
 *
 * @param mapped what each of them saw; null or absent where it did not answer.
 * @returns null where too little is known.
 * @see RFC 5780 section 4.3
 */
export function classifyMapping(
  local: SocketAddress,
  mapped: readonly (SocketAddress | null)[],
): Mapping | null {
  const [first, second, third] = mapped;
  if (!first) return null;
  if (isSame(first, local)) return 'none';
  if (!second || !third) return null;
  if (!isSame(second, third)) return 'address-and-port-dependent';
  return isSame(first, second) ? 'endpoint-independent' : 'address-dependent';
}
