import { ATTRIBUTE, type Attribute, DISCOVERY_ATTRIBUTE } from './codec/attribute.ts';
import { type Change, NO_CHANGE, readChangeRequest } from './codec/change-request.ts';
import { errorCode } from './codec/error-code.ts';
import { withFingerprint } from './codec/fingerprint.ts';
import { BINDING } from './codec/header.ts';
import { type SocketAddress, unmappedIpv4 } from './codec/ip-address.ts';
import { mappedAddress } from './codec/mapped-address.ts';
import { decodeMessage, encodeMessage, findAttribute, type StunMessage } from './codec/message.ts';
import { otherAddress } from './codec/other-address.ts';
import { padding, readPaddingBytes } from './codec/padding.ts';
import { responseOrigin } from './codec/response-origin.ts';
import { readResponsePort } from './codec/response-port.ts';
import { notUnderstood, unknownAttributes } from './codec/unknown-attributes.ts';
import { xorMappedAddress } from './codec/xor-mapped-address.ts';
import { MAX_REQUEST_BYTES, MAX_UNKNOWN_ATTRIBUTES, MIN_RESPONSE_PORT } from './limits.ts';

/** One of the four addresses of a server that has two IP addresses and two ports (RFC 5780 section 6.1). */
export interface Corner {
  /** The address that differs from this one as said. */
  across(change: Change): SocketAddress;
  /** Whether an answer may leave from another corner or go to another port: on UDP, not on TCP. */
  readonly isDatagram: boolean;
}

/** An answer and its way: to this port of the request's source, from the corner that differs by `change`. */
export interface Answer {
  readonly bytes: Uint8Array;
  readonly port: number;
  readonly change: Change;
}

/** The part of an answer that depends on the request. */
interface Reply {
  readonly messageClass: 'success' | 'error';
  readonly attributes: Attribute[];
  readonly port: number;
  readonly change: Change;
}

/**
 * The answer to one datagram or TCP frame, or null for silence. Never longer than three times the request
 * with its IP and UDP headers, so that a forged source address gains nothing; for that reason it names no
 * SOFTWARE, repeats MAPPED-ADDRESS only where RFC 5780 asks for it, and pads with no more than it was sent.
 *
 * @param source where the bytes came from, as the socket says.
 * @param corner where they came in, on a server with an alternate address; without one, RFC 5780 is unknown here.
 * @see RFC 8489 section 6.3
 */
export function respond(bytes: Uint8Array, source: SocketAddress, corner?: Corner): Answer | null {
  // Port 0 can be forged and cannot be sent to.
  if (bytes.length > MAX_REQUEST_BYTES || source.port === 0) return null;
  const request = decodeMessage(bytes);
  if (request?.messageClass !== 'request' || request.method !== BINDING) return null;
  const { messageClass, attributes, port, change } = replyTo(request, source, corner);
  const { method, transactionId } = request;
  const response = encodeMessage({ messageClass, method, transactionId }, attributes);
  const isMarked = findAttribute(request, ATTRIBUTE.FINGERPRINT) !== undefined;
  return { bytes: isMarked ? withFingerprint(response) : response, port, change };
}

function replyTo(request: StunMessage, source: SocketAddress, corner: Corner | undefined): Reply {
  const { port } = source;
  const unknown = notUnderstood(request, corner?.isDatagram ? REQUEST_ATTRIBUTES : undefined);
  if (unknown.length > 0) {
    const listed = unknownAttributes(unknown.slice(0, MAX_UNKNOWN_ATTRIBUTES));
    return refusal([errorCode(420), listed], port);
  }
  const mapped = { address: unmappedIpv4(source.address), port };
  const xorMapped = xorMappedAddress(mapped, request.transactionId);
  if (corner === undefined)
    return { messageClass: 'success', attributes: [xorMapped], port, change: NO_CHANGE };

  const change = readChangeRequest(request);
  const askedPort = readResponsePort(request);
  const paddingBytes = readPaddingBytes(request);
  // "The server MUST NOT process a request containing a RESPONSE-PORT and a PADDING attribute."
  const isContradictory = askedPort !== undefined && paddingBytes !== undefined;
  if (change === null || askedPort === null || isContradictory) return refusal([errorCode(400)], port);
  if (askedPort !== undefined && askedPort < MIN_RESPONSE_PORT) return refusal([errorCode(400)], port);
  const attributes = [
    xorMapped,
    mappedAddress(mapped),
    responseOrigin(corner.across(change)),
    otherAddress(corner.across({ ip: true, port: true })),
    ...(paddingBytes === undefined ? [] : [padding(paddingBytes)]),
  ];
  return { messageClass: 'success', attributes, port: askedPort ?? port, change };
}

/** A refusal goes back the way that the request came, whatever that asked for. */
function refusal(attributes: Attribute[], port: number): Reply {
  return { messageClass: 'error', attributes, port, change: NO_CHANGE };
}

const REQUEST_ATTRIBUTES: ReadonlySet<number> = new Set([
  DISCOVERY_ATTRIBUTE['CHANGE-REQUEST'],
  DISCOVERY_ATTRIBUTE['RESPONSE-PORT'],
  DISCOVERY_ATTRIBUTE.PADDING,
]);
