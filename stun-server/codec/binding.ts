import { randomBytes } from 'node:crypto';
import { readErrorCode, type StunError } from './error-code.ts';
import { BINDING, TRANSACTION_ID_BYTES } from './header.ts';
import type { SocketAddress } from './ip-address.ts';
import { readMappedAddress } from './mapped-address.ts';
import { decodeMessage, encodeMessage } from './message.ts';
import { notUnderstood } from './unknown-attributes.ts';
import { readXorMappedAddress } from './xor-mapped-address.ts';

/** How a Binding transaction ended: with the client's address as the server sees it, or refused. */
export type BindingOutcome =
  | { readonly kind: 'mapped'; readonly address: SocketAddress }
  | { readonly kind: 'error'; readonly error: StunError };

/** Twelve bytes that nobody off the path can guess, new for every transaction (RFC 8489 section 5). */
export function randomTransactionId(): Uint8Array {
  return new Uint8Array(randomBytes(TRANSACTION_ID_BYTES));
}

/** The 20 bytes of a Binding request without attributes; it is sent again unchanged, with the same id. */
export function encodeBindingRequest(transactionId: Uint8Array): Uint8Array {
  return encodeMessage({ messageClass: 'request', method: BINDING, transactionId });
}

/**
 * What a datagram or a TCP frame says about the request with this id. MAPPED-ADDRESS is believed only where
 * XOR-MAPPED-ADDRESS is absent.
 *
 * @returns null for everything that is not its valid response: the client goes on waiting.
 * @see RFC 8489 sections 6.3.3 and 6.3.4
 */
export function decodeBindingResponse(bytes: Uint8Array, transactionId: Uint8Array): BindingOutcome | null {
  const message = decodeMessage(bytes);
  if (message?.method !== BINDING || !message.transactionId.every((byte, i) => byte === transactionId[i]))
    return null;
  if (notUnderstood(message).length > 0) return null;
  if (message.messageClass === 'success') {
    const address = readXorMappedAddress(message) ?? readMappedAddress(message);
    return address && { kind: 'mapped', address };
  }
  if (message.messageClass === 'error') {
    const error = readErrorCode(message);
    return error && { kind: 'error', error };
  }
  return null;
}
