import { type Attribute, DISCOVERY_ATTRIBUTE } from './attribute.ts';
import { readUint32, writeUint32 } from './big-endian.ts';
import { findAttribute, type StunMessage } from './message.ts';

/** In what the address a response leaves from shall differ from the one that the request came in at. */
export interface Change {
  readonly ip: boolean;
  readonly port: boolean;
}

export const NO_CHANGE: Change = { ip: false, port: false };

const CHANGE_IP = 0b100;
const CHANGE_PORT = 0b010;
const VALUE_BYTES = 4;

/** @see RFC 5780 section 7.2 */
export function changeRequest({ ip, port }: Change): Attribute {
  const value = new Uint8Array(VALUE_BYTES);
  writeUint32(value, 0, (ip ? CHANGE_IP : 0) | (port ? CHANGE_PORT : 0));
  return { type: DISCOVERY_ATTRIBUTE['CHANGE-REQUEST'], value };
}

/** @returns no change where it is absent; null where it is malformed. Its other bits are ignored. */
export function readChangeRequest(message: StunMessage): Change | null {
  const value = findAttribute(message, DISCOVERY_ATTRIBUTE['CHANGE-REQUEST'])?.value;
  if (value === undefined) return NO_CHANGE;
  if (value.length !== VALUE_BYTES) return null;
  const flags = readUint32(value, 0);
  return { ip: (flags & CHANGE_IP) !== 0, port: (flags & CHANGE_PORT) !== 0 };
}
