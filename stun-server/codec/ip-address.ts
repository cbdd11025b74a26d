import { isIPv4, isIPv6, SocketAddress as PlatformAddress } from 'node:net';

/** A transport address: `address` in text without brackets, `port` 0 to 65,535. A zone (`%eth0`) is allowed and never sent. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

const MAPPED_PREFIX = '::ffff:';

/**
 * The address as it travels: 4 bytes for IPv4, 16 for IPv6.
 *
 * @throws RangeError where the text is no IP address.
 */
export function ipAddressBytes(text: string): Uint8Array {
  if (isIPv4(text)) return new Uint8Array(text.split('.').map(Number));
  if (!isIPv6(text)) throw new RangeError(`Not an IP address: ${text}`);
  const [bare = ''] = text.split('%', 1);
  const [head = '', tail = ''] = bare.split('::');
  const [front, back] = [hextetBytes(head), hextetBytes(tail)];
  const bytes = new Uint8Array(16);
  bytes.set(front);
  bytes.set(back, 16 - back.length);
  return bytes;
}

function hextetBytes(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const hextet = Number.parseInt(group, 16);
    return [hextet >> 8, hextet & 0xff];
  });
}

/** The text of 4 or 16 bytes, IPv6 as RFC 5952 writes it. */
export function ipAddressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const hextets = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return new PlatformAddress({ address: hextets.join(':'), family: 'ipv6' }).address;
}

/** `address:port`, IPv6 in brackets. */
export function socketAddressText({ address, port }: SocketAddress): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A dual-stack socket sees IPv4 senders as `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2): then `a.b.c.d`, else unchanged. */
export function unmappedIpv4(address: string): string {
  if (!address.startsWith(MAPPED_PREFIX)) return address;
  const ipv4 = address.slice(MAPPED_PREFIX.length);
  return isIPv4(ipv4) ? ipv4 : address;
}
