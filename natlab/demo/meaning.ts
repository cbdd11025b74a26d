import { ATTRIBUTE } from '#stun-server/codec/attribute.ts';
import { BINDING } from '#stun-server/codec/header.ts';
import { socketAddressText } from '#stun-server/codec/ip-address.ts';
import { decodeMessage, findAttribute } from '#stun-server/codec/message.ts';
import { readXorMappedAddress } from '#stun-server/codec/xor-mapped-address.ts';

/** What a datagram is for. */
export type Meaning =
  /** "What address have I?", to a STUN server. */
  | { readonly kind: 'question' }
  /** "Do you hear me?", from one peer's ICE to the other's; it names both, and maybe chooses this way. */
  | { readonly kind: 'check'; readonly chooses: boolean }
  /** The answer to either: the address from which the question came. */
  | { readonly kind: 'answer'; readonly seen: string | undefined }
  /** DTLS before there are keys for data, and the data itself. */
  | { readonly kind: 'handshake' }
  | { readonly kind: 'data' }
  | { readonly kind: 'other' };

/** RFC 8445 section 16.1. */
const USE_CANDIDATE = 0x0025;

/** DTLS 1.2's content types, RFC 6347 section 4.1. */
const DTLS = { first: 20, last: 63, applicationData: 23, heartbeat: 24 } as const;
/** A first byte from here on is DTLS 1.3's unified header, whose last two bits are the epoch (RFC 9147 section 4). */
const UNIFIED_HEADER = 32;
const HANDSHAKE_EPOCH = 2;

/** Tells STUN, DTLS and the rest apart by their first bytes, as peers do. @see RFC 7983 section 7 */
export function meaningOf(payload: Uint8Array): Meaning {
  const [first] = payload;
  if (first === undefined) return { kind: 'other' };
  if (first < 4) return stunMeaning(payload);
  if (first < DTLS.first || first > DTLS.last) return { kind: 'other' };
  if (first >= UNIFIED_HEADER) return { kind: (first & 0b11) === HANDSHAKE_EPOCH ? 'handshake' : 'data' };
  return { kind: first === DTLS.applicationData || first === DTLS.heartbeat ? 'data' : 'handshake' };
}

function stunMeaning(payload: Uint8Array): Meaning {
  const message = decodeMessage(payload);
  if (message?.method !== BINDING) return { kind: 'other' };
  switch (message.messageClass) {
    case 'request':
      return findAttribute(message, ATTRIBUTE.USERNAME) === undefined
        ? { kind: 'question' }
        : { kind: 'check', chooses: findAttribute(message, USE_CANDIDATE) !== undefined };
    case 'success': {
      const seen = readXorMappedAddress(message);
      return { kind: 'answer', seen: seen === null ? undefined : socketAddressText(seen) };
    }
    default:
      return { kind: 'other' };
  }
}
