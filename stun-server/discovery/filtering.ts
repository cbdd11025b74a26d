import { changeRequest } from '../codec/change-request.ts';
import type { SocketAddress } from '../codec/ip-address.ts';
import { type Filtering, isSame } from './behaviour.ts';
import type { ProbeSocket } from './probe-socket.ts';
import type { Ask } from './transaction.ts';

/**
 * From where the NAT lets packets in to a port that has sent to the server's primary address.
 *
 * @param socket has sent nowhere else, and shall not send to the other address later: what its NAT dropped may
 * have left state there that moves the mapping.
 * @returns null where the server refuses, or changes nothing.
 * @see RFC 5780 section 4.4
 */
export async function discoverFiltering(
  ask: Ask,
  socket: ProbeSocket,
  primary: SocketAddress,
  other: SocketAddress,
): Promise<Filtering | null> {
  const [far, near] = await Promise.all([
    ask(socket, primary, [changeRequest({ ip: true, port: true })]),
    ask(socket, primary, [changeRequest({ ip: false, port: true })]),
  ]);
  if (far === 'refused' || near === 'refused') return null;
  if (far !== null) return isSame(far.origin, other) ? 'endpoint-independent' : null;
  if (near === null) return 'address-and-port-dependent';
  return isSame(near.origin, { address: primary.address, port: other.port }) ? 'address-dependent' : null;
}
