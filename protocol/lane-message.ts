import { ProtocolViolation } from './errors.ts';
import { LEAF_BYTES } from './leaf-tree.ts';
import {
  MAX_CONTROL_BYTES,
  MAX_FILE_BYTES,
  MAX_FRAME_PAYLOAD_BYTES,
  MAX_LANE_MESSAGE_BYTES,
} from './limits.ts';

/**
 * Everything that travels on a lane, one binary message each; the first byte is the kind.
 * @see docs/transfer-protocol.md "Lane messages"
 */
export type LaneMessage =
  | { readonly kind: 'proof'; readonly proof: Uint8Array }
  | { readonly kind: 'control'; readonly seq: number; readonly body: Uint8Array }
  | { readonly kind: 'control-ack'; readonly next: number }
  | Frame
  | { readonly kind: 'ping'; readonly token: number }
  | { readonly kind: 'pong'; readonly token: number }
  | { readonly kind: 'receipt'; readonly bytes: number };

/** A piece of a block, at a multiple of FRAME_UNIT_BYTES in it. `leaf` stands on the one that ends the block, and only there. */
export interface Frame {
  readonly kind: 'frame';
  readonly entry: number;
  /** Of the payload's first byte within the file. */
  readonly offset: number;
  readonly payload: Uint8Array;
  readonly leaf: Uint8Array | null;
}

const KIND = {
  proof: 0,
  control: 1,
  'control-ack': 2,
  frame: 3,
  'last-frame': 4,
  ping: 5,
  pong: 6,
  receipt: 7,
} as const;

export const PROOF_BYTES = 32;
const FRAME_HEADER_BYTES = 13;

/** What a frame adds to its payload at most: what remains of a lane's message size is payload. */
export const FRAME_OVERHEAD_BYTES = FRAME_HEADER_BYTES + LEAF_BYTES;

export function encodeProof(proof: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(1 + proof.length);
  message[0] = KIND.proof;
  message.set(proof, 1);
  return message;
}

export function encodeControl(seq: number, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = numbered(KIND.control, seq, body.length);
  message.set(body, 5);
  return message;
}

export function encodeControlAck(next: number): Uint8Array<ArrayBuffer> {
  return numbered(KIND['control-ack'], next, 0);
}

export function encodePing(kind: 'ping' | 'pong', token: number): Uint8Array<ArrayBuffer> {
  return numbered(KIND[kind], token, 0);
}

/** @param bytes of all frames that have come on this lane, their headers and leaves included */
export function encodeReceipt(bytes: number): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(9);
  message[0] = KIND.receipt;
  const view = new DataView(message.buffer);
  view.setUint32(1, Math.floor(bytes / 2 ** 32));
  view.setUint32(5, bytes % 2 ** 32);
  return message;
}

/** @param allocate gives as many bytes as it is told, for all of the message */
export function encodeFrame(
  entry: number,
  offset: number,
  payload: Uint8Array,
  leaf: Uint8Array | null,
  allocate = (lengthBytes: number): Uint8Array<ArrayBuffer> => new Uint8Array(lengthBytes),
): Uint8Array<ArrayBuffer> {
  const message = allocate(FRAME_HEADER_BYTES + payload.length + (leaf?.length ?? 0));
  const view = writeNumbered(message, leaf ? KIND['last-frame'] : KIND.frame, entry);
  view.setUint32(5, Math.floor(offset / 2 ** 32));
  view.setUint32(9, offset % 2 ** 32);
  message.set(payload, FRAME_HEADER_BYTES);
  if (leaf) message.set(leaf, FRAME_HEADER_BYTES + payload.length);
  return message;
}

function numbered(kind: number, value: number, extraBytes: number): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(5 + extraBytes);
  writeNumbered(message, kind, value);
  return message;
}

function writeNumbered(message: Uint8Array<ArrayBuffer>, kind: number, value: number): DataView {
  message[0] = kind;
  const view = new DataView(message.buffer, message.byteOffset);
  view.setUint32(1, value);
  return view;
}

/**
 * Decodes one lane message; the parts are views of `message`, nothing is copied.
 * @throws ProtocolViolation
 */
export function decodeLaneMessage(message: Uint8Array): LaneMessage {
  if (message.length > MAX_LANE_MESSAGE_BYTES) throw new ProtocolViolation('oversized lane message');
  const kind = message[0];
  if (kind === KIND.proof) {
    requireLength(message, 1 + PROOF_BYTES);
    return { kind: 'proof', proof: message.subarray(1) };
  }
  if (message.length < 5) throw new ProtocolViolation('lane message cut short');
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const number = view.getUint32(1);
  switch (kind) {
    case KIND.control:
      if (message.length - 5 > MAX_CONTROL_BYTES) throw new ProtocolViolation('oversized control message');
      return { kind: 'control', seq: number, body: message.subarray(5) };
    case KIND['control-ack']:
      requireLength(message, 5);
      return { kind: 'control-ack', next: number };
    case KIND.ping:
      requireLength(message, 5);
      return { kind: 'ping', token: number };
    case KIND.pong:
      requireLength(message, 5);
      return { kind: 'pong', token: number };
    case KIND.receipt: {
      requireLength(message, 9);
      const bytes = number * 2 ** 32 + view.getUint32(5);
      if (bytes > Number.MAX_SAFE_INTEGER) throw new ProtocolViolation('receipt for more than can be sent');
      return { kind: 'receipt', bytes };
    }
    case KIND.frame:
    case KIND['last-frame']:
      return decodeFrame(message, view, number, kind === KIND['last-frame']);
    default:
      throw new ProtocolViolation('lane message of unknown kind');
  }
}

function decodeFrame(message: Uint8Array, view: DataView, entry: number, last: boolean): Frame {
  const end = message.length - (last ? LEAF_BYTES : 0);
  if (end <= FRAME_HEADER_BYTES) throw new ProtocolViolation('frame without payload');
  if (end - FRAME_HEADER_BYTES > MAX_FRAME_PAYLOAD_BYTES) throw new ProtocolViolation('oversized frame');
  const offset = view.getUint32(5) * 2 ** 32 + view.getUint32(9);
  if (offset > MAX_FILE_BYTES) throw new ProtocolViolation('frame offset out of range');
  return {
    kind: 'frame',
    entry,
    offset,
    payload: message.subarray(FRAME_HEADER_BYTES, end),
    leaf: last ? message.subarray(end) : null,
  };
}

function requireLength(message: Uint8Array, lengthBytes: number): void {
  if (message.length !== lengthBytes) throw new ProtocolViolation('lane message of the wrong length');
}
