import { ATTRIBUTE, type Attribute } from './attribute.ts';
import { readUint16, writeUint16 } from './big-endian.ts';
import { ipAddressBytes, ipAddressText, type SocketAddress } from './ip-address.ts';
import { findAttribute, type StunMessage } from './message.ts';

const IPV4 = 0x01;
const IPV6 = 0x02;
const ADDRESS_OFFSET = 4;

/** @see RFC 8489 section 14.1 */
export function mappedAddress(address: SocketAddress): Attribute {
  return addressAttribute(ATTRIBUTE['MAPPED-ADDRESS'], address);
}

/** @returns null where it is absent or malformed. */
export function readMappedAddress(message: StunMessage): SocketAddress | null {
  return readAddress(message, ATTRIBUTE['MAPPED-ADDRESS']);
}

/** Where a 300 (Try Alternate) sends the client. @see RFC 8489 section 14.15 */
export function alternateServer(address: SocketAddress): Attribute {
  return addressAttribute(ATTRIBUTE['ALTERNATE-SERVER'], address);
}

/** @returns null where it is absent or malformed. */
export function readAlternateServer(message: StunMessage): SocketAddress | null {
  return readAddress(message, ATTRIBUTE['ALTERNATE-SERVER']);
}

/**
 * An attribute that holds an address unveiled.
 *
 * @throws RangeError where the address is no IP address.
 */
export function addressAttribute(type: number, { address, port }: SocketAddress): Attribute {
  return { type, value: encodeAddress(ipAddressBytes(address), port) };
}

/** @returns null where it is absent or malformed. */
export function readAddress(message: StunMessage, type: number): SocketAddress | null {
  const attribute = findAttribute(message, type);
  const decoded = attribute && decodeAddress(attribute.value);
  return decoded ? { address: ipAddressText(decoded.address), port: decoded.port } : null;
}

/** The format that all address attributes share, with 4 or 16 bytes of address. */
export function encodeAddress(address: Uint8Array, port: number): Uint8Array {
  const value = new Uint8Array(ADDRESS_OFFSET + address.length);
  value[1] = address.length === 4 ? IPV4 : IPV6;
  writeUint16(value, 2, port);
  value.set(address, ADDRESS_OFFSET);
  return value;
}

/** @returns null unless the family is known and the length is that family's; the address is a view. */
export function decodeAddress(value: Uint8Array): { address: Uint8Array; port: number } | null {
  const address = value.subarray(ADDRESS_OFFSET);
  const family = value[1];
  if (!(family === IPV4 && address.length === 4) && !(family === IPV6 && address.length === 16)) return null;
  return { address, port: readUint16(value, 2) };
}
