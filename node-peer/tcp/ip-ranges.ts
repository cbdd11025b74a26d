import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ipAddressBytes, ipAddressText } from '#stun-server/codec/ip-address.ts';

/**
 * Where a peer may never send us: addresses of nobody, of everybody, or of something other than a machine elsewhere.
 * One list for each family, since a list takes an IPv4 address for its form in IPv6 as well.
 */
const forbidden = { ipv4: new BlockList(), ipv6: new BlockList() };
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  // Reserved, the broadcast address among it.
  ['240.0.0.0', 4],
] as const)
  forbidden.ipv4.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  ['::', 128],
  ['fe80::', 10],
  ['ff00::', 8],
  // IPv4 in IPv6's clothes would get round the above.
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
] as const)
  forbidden.ipv6.addSubnet(network, prefix, 'ipv6');

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** IPv6 as RFC 5952 writes it, IPv4 as it is: one text for one address. */
export function canonical(address: string): string {
  return ipAddressText(ipAddressBytes(address));
}

export function isForbidden(address: string): boolean {
  const family = familyOf(address);
  return forbidden[family].check(address, family);
}

export function isLoopback(address: string): boolean {
  return loopback.check(address, familyOf(address));
}

/** This machine's addresses as they are now, loopback included, and those at which its networks are broadcast to. */
export function machineAddresses(): { own: string[]; broadcast: string[] } {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return {
    own: all.map(({ address }) => canonical(address)),
    broadcast: all
      .filter(({ family }) => family === 'IPv4')
      .map(({ address, netmask }) => broadcastOf(ipAddressBytes(address), ipAddressBytes(netmask))),
  };
}

function broadcastOf(address: Uint8Array, netmask: Uint8Array): string {
  return ipAddressText(address.map((byte, i) => byte | (~(netmask[i] ?? 0) & 0xff)));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
