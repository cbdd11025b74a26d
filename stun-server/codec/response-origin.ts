import { type Attribute, DISCOVERY_ATTRIBUTE } from './attribute.ts';
import type { SocketAddress } from './ip-address.ts';
import { addressAttribute, readAddress } from './mapped-address.ts';
import type { StunMessage } from './message.ts';

/** Where the server sent this response from. @see RFC 5780 section 7.3 */
export function responseOrigin(address: SocketAddress): Attribute {
  return addressAttribute(DISCOVERY_ATTRIBUTE['RESPONSE-ORIGIN'], address);
}

/** @returns null where it is absent or malformed. */
export function readResponseOrigin(message: StunMessage): SocketAddress | null {
  return readAddress(message, DISCOVERY_ATTRIBUTE['RESPONSE-ORIGIN']);
}
