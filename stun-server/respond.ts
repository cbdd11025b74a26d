import { ATTRIBUTE } from './codec/attribute.ts';
import { errorCode } from './codec/error-code.ts';
import { withFingerprint } from './codec/fingerprint.ts';
import { BINDING } from './codec/header.ts';
import { type SocketAddress, unmappedIpv4 } from './codec/ip-address.ts';
import { decodeMessage, encodeMessage, findAttribute, type StunMessage } from './codec/message.ts';
import { notUnderstood, unknownAttributes } from './codec/unknown-attributes.ts';
import { xorMappedAddress } from './codec/xor-mapped-address.ts';
import { MAX_REQUEST_BYTES, MAX_UNKNOWN_ATTRIBUTES } from './limits.ts';

/**
 * The answer to one datagram or TCP frame, or null for silence. Never longer than three times the request
 * with its IP and UDP headers, so that a forged source address gains nothing; for that reason it names no
 * SOFTWARE and repeats no MAPPED-ADDRESS.
 *
 * @param source where the bytes came from, as the socket says.
 * @see RFC 8489 section 6.3
 */
export function respond(bytes: Uint8Array, source: SocketAddress): Uint8Array | null {
  // Port 0 can be forged and cannot be sent to.
  if (bytes.length > MAX_REQUEST_BYTES || source.port === 0) return null;
  const request = decodeMessage(bytes);
  if (request?.messageClass !== 'request' || request.method !== BINDING) return null;
  const response = responseTo(request, source);
  return findAttribute(request, ATTRIBUTE.FINGERPRINT) ? withFingerprint(response) : response;
}

function responseTo(request: StunMessage, source: SocketAddress): Uint8Array {
  const { method, transactionId } = request;
  const unknown = notUnderstood(request);
  if (unknown.length > 0) {
    const listed = unknownAttributes(unknown.slice(0, MAX_UNKNOWN_ATTRIBUTES));
    return encodeMessage({ messageClass: 'error', method, transactionId }, [errorCode(420), listed]);
  }
  const mapped = { address: unmappedIpv4(source.address), port: source.port };
  return encodeMessage({ messageClass: 'success', method, transactionId }, [
    xorMappedAddress(mapped, transactionId),
  ]);
}
