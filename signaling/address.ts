import { isIPv4, isIPv6, SocketAddress } from 'node:net';

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/;

/** One spelling for each address: IPv4-mapped IPv6 as IPv4, IPv6 as RFC 5952 has it, without its zone. Null for no address. */
export function canonicalAddress(text: string): string | null {
  if (isIPv4(text)) return text;
  if (!isIPv6(text)) return null;
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  return MAPPED.exec(address)?.[1] ?? address;
}

/** What limits are counted by: an IPv4 address, or the IPv6 /56 that one home is given. @param address canonical */
export function rateKey(address: string): string {
  if (!address.includes(':')) return address;
  const [first, second, third, fourth = '0'] = groupsOf(address);
  const network = Number.parseInt(fourth, 16) & 0xff00;
  return `${first}:${second}:${third}:${network.toString(16)}::/56`;
}

/** All groups, zeros included; the last two may be written as one, like IPv4. */
function groupsOf(address: string): string[] {
  const [head = [], tail] = address
    .split('::')
    .map((half) => half.split(':').filter((group) => group !== ''));
  if (tail === undefined) return head;
  const tailGroups = tail.length + (tail.at(-1)?.includes('.') ? 1 : 0);
  const zeros = new Array<string>(8 - head.length - tailGroups).fill('0');
  return [...head, ...zeros, ...tail];
}
