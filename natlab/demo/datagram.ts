import { ipAddressText, type SocketAddress, socketAddressText } from '#stun-server/codec/ip-address.ts';

/** A UDP datagram as it passed one place. Addresses are text, as `10.0.1.2:5000`. */
export interface Datagram {
  readonly source: string;
  readonly target: string;
  /** Of its payload as it was sent. */
  readonly sizeBytes: number;
  /** What was captured of the payload: its beginning, at most `sizeBytes`. */
  readonly payload: Uint8Array;
}

const ETHERNET_HEADER_BYTES = 14;
const UDP_HEADER_BYTES = 8;
const UDP = 17;

/** @returns null for every frame but a UDP datagram over IPv4 or IPv6, and for later fragments of one */
export function readDatagram(frame: Uint8Array): Datagram | null {
  if (frame.length < ETHERNET_HEADER_BYTES) return null;
  const packet = frame.subarray(ETHERNET_HEADER_BYTES);
  switch (uint16(frame, 12)) {
    case 0x0800:
      return readIpv4(packet);
    case 0x86dd:
      return readIpv6(packet);
    default:
      return null;
  }
}

function readIpv4(packet: Uint8Array): Datagram | null {
  const headerBytes = ((packet[0] ?? 0) & 0xf) * 4;
  const isFragment = (uint16(packet, 6) & 0x1fff) !== 0;
  if (packet.length < 20 || headerBytes < 20 || packet[9] !== UDP || isFragment) return null;
  return readUdp(packet.subarray(headerBytes), packet.subarray(12, 16), packet.subarray(16, 20));
}

function readIpv6(packet: Uint8Array): Datagram | null {
  if (packet.length < 40 || packet[6] !== UDP) return null;
  return readUdp(packet.subarray(40), packet.subarray(8, 24), packet.subarray(24, 40));
}

function readUdp(segment: Uint8Array, source: Uint8Array, target: Uint8Array): Datagram | null {
  if (segment.length < UDP_HEADER_BYTES) return null;
  const sizeBytes = uint16(segment, 4) - UDP_HEADER_BYTES;
  if (sizeBytes < 0) return null;
  const at = (address: Uint8Array, offset: number): string => {
    const socket: SocketAddress = { address: ipAddressText(address), port: uint16(segment, offset) };
    return socketAddressText(socket);
  };
  // A short frame is padded, a long one was cut.
  const payload = segment.subarray(UDP_HEADER_BYTES, UDP_HEADER_BYTES + sizeBytes);
  return { source: at(source, 0), target: at(target, 2), sizeBytes, payload };
}

/** 0 beyond the end, which the callers have ruled out where it matters. */
function uint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}
