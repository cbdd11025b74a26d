import { type Attribute, DISCOVERY_ATTRIBUTE } from './attribute.ts';
import type { SocketAddress } from './ip-address.ts';
import { addressAttribute, readAddress } from './mapped-address.ts';
import type { StunMessage } from './message.ts';

/**
 * The server's address that differs in IP and port from the one a request came in at. "MUST NOT be inserted into
 * a Binding Response unless the server has a second IP address". @see RFC 5780 section 7.4
 */
export function otherAddress(address: SocketAddress): Attribute {
  return addressAttribute(DISCOVERY_ATTRIBUTE['OTHER-ADDRESS'], address);
}

/** @returns null where it is absent or malformed. */
export function readOtherAddress(message: StunMessage): SocketAddress | null {
  return readAddress(message, DISCOVERY_ATTRIBUTE['OTHER-ADDRESS']);
}
