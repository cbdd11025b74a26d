import { isIPv4 } from 'node:net';
import { ipAddressBytes, unmappedIpv4 } from './codec/ip-address.ts';

const IPV6_PREFIX_BYTES = 8;

/** Whom a connection counts against: an IPv4 address, or the /64 that one IPv6 subscriber has. */
export function originOf(remoteAddress: string): string {
  const address = unmappedIpv4(remoteAddress);
  return isIPv4(address) ? address : ipAddressBytes(address).subarray(0, IPV6_PREFIX_BYTES).join('.');
}
