import { encodeBindingRequest, randomTransactionId } from '../codec/binding.ts';
import type { SocketAddress } from '../codec/ip-address.ts';
import type { ProbeSocket } from './probe-socket.ts';
import { deliver } from './transaction.ts';

/** A socket and the address that the server sees it under. */
export interface Mapped {
  readonly socket: ProbeSocket;
  readonly mapped: SocketAddress;
}

/**
 * Whether two sockets behind one NAT reach one another by their mapped addresses: "If the client receives its own
 * request, the NAT hairpins connections." Both send, so that each opens the filter for the other.
 *
 * @see RFC 5780 section 3.4
 */
export async function discoverHairpin(one: Mapped, other: Mapped): Promise<boolean> {
  const ways = await Promise.all([reaches(one, other), reaches(other, one)]);
  return ways.includes(true);
}

async function reaches(from: Mapped, to: Mapped): Promise<boolean> {
  const request = encodeBindingRequest(randomTransactionId());
  const isOurs = (bytes: Uint8Array) => (Buffer.compare(bytes, request) === 0 ? true : null);
  return (await deliver(request, from.socket, to.mapped, to.socket, isOurs)) ?? false;
}
