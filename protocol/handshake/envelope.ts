import { ProtocolViolation } from '../errors.ts';
import { encodeBase64url } from './base64url.ts';
import { MAX_MESSAGE_BYTES } from './limits.ts';
import { concat } from './lv.ts';

/** First byte of every message. */
export const MESSAGE_TYPE = { refuse: 0, hello: 1, reply: 2, confirm: 3, accept: 4, sealed: 5 } as const;
export type MessageType = keyof typeof MESSAGE_TYPE;

/** What anyone who relays or routes can read of a message. */
export interface Header {
  readonly type: MessageType;
  /** Names the handshake run that the message belongs to: 22 characters base64url of its 16 bytes. A key for maps. */
  readonly run: string;
}

/** A message taken apart; `sid` and `body` are views of it. */
export interface Envelope extends Header {
  readonly sid: Uint8Array;
  readonly body: Uint8Array;
}

/** Length of a run's name, CPace's session identifier. */
export const SID_BYTES = 16;

const HEADER_BYTES = 1 + SID_BYTES;
const TYPES = new Map<number | undefined, MessageType>(
  Object.entries(MESSAGE_TYPE).map(([name, byte]) => [byte, name as MessageType]),
);

export function wrap(type: MessageType, sid: Uint8Array, body: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(Uint8Array.of(MESSAGE_TYPE[type]), sid, body);
}

/** @throws ProtocolViolation */
export function unwrap(message: Uint8Array): Envelope {
  if (message.length < HEADER_BYTES || message.length > MAX_MESSAGE_BYTES) {
    throw new ProtocolViolation(`a handshake message of ${message.length} bytes`);
  }
  const type = TYPES.get(message[0]);
  if (type === undefined) throw new ProtocolViolation(`a handshake message of type ${message[0]}`);
  const sid = message.subarray(1, HEADER_BYTES);
  return { type, run: encodeBase64url(sid), sid, body: message.subarray(HEADER_BYTES) };
}

/**
 * Reads a message's header, to find the run it belongs to: a message of a run that is not known is dropped.
 * @throws ProtocolViolation
 */
export function readHeader(message: Uint8Array): Header {
  const { type, run } = unwrap(message);
  return { type, run };
}
