import { ATTRIBUTE, type Attribute } from './attribute.ts';
import { writeUint32 } from './big-endian.ts';
import { MAGIC_COOKIE } from './header.ts';
import { ipAddressBytes, ipAddressText, type SocketAddress } from './ip-address.ts';
import { decodeAddress, encodeAddress } from './mapped-address.ts';
import { findAttribute, type StunMessage } from './message.ts';

const VEIL_BYTES = 16;
const PORT_VEIL = MAGIC_COOKIE >>> 16;

/**
 * The address from which a request came, veiled against NATs that rewrite addresses in payloads.
 *
 * @param transactionId of the message that will carry it.
 * @throws RangeError where the address is no IP address.
 * @see RFC 8489 section 14.2
 */
export function xorMappedAddress(address: SocketAddress, transactionId: Uint8Array): Attribute {
  const veiled = veil(ipAddressBytes(address.address), transactionId);
  return { type: ATTRIBUTE['XOR-MAPPED-ADDRESS'], value: encodeAddress(veiled, address.port ^ PORT_VEIL) };
}

/** @returns null where it is absent or malformed. */
export function readXorMappedAddress(message: StunMessage): SocketAddress | null {
  const attribute = findAttribute(message, ATTRIBUTE['XOR-MAPPED-ADDRESS']);
  const decoded = attribute && decodeAddress(attribute.value);
  if (!decoded) return null;
  const address = veil(decoded.address, message.transactionId);
  return { address: ipAddressText(address), port: decoded.port ^ PORT_VEIL };
}

/** IPv4 is veiled with the magic cookie, IPv6 with the cookie and the transaction id. */
function veil(address: Uint8Array, transactionId: Uint8Array): Uint8Array {
  const key = new Uint8Array(VEIL_BYTES);
  writeUint32(key, 0, MAGIC_COOKIE);
  key.set(transactionId, 4);
  return address.map((byte, i) => byte ^ (key[i] ?? 0));
}
