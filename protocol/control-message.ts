import { base64urlnopad } from '@scure/base';
import * as v from 'valibot';
import { ProtocolViolation, type TransferErrorCode } from './errors.ts';
import { lanePayload } from './handshake/sealed-payload.ts';
import { tcpAddresses } from './handshake/tcp-addresses.ts';
import { LEAF_BYTES } from './leaf-tree.ts';
import {
  BLOCK_BYTES,
  MAX_CONTROL_BYTES,
  MAX_CREDIT_BYTES,
  MAX_ENTRIES,
  MAX_FILE_BYTES,
  MAX_LANES,
  MAX_LIST_ITEMS,
  MAX_PAGES_ASKED,
  MAX_PATH_BYTES,
  MAX_RANGE_BLOCKS,
} from './limits.ts';

/**
 * What the two peers say to each other besides the files' bytes: small JSON documents, numbered by
 * `control-stream.ts`. Every object is strict: an unknown key is a violation, since the version was agreed on.
 * @see docs/transfer-protocol.md "Control messages"
 */

const count = (max: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(max));
const positive = (max: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(max));
const entryId = count(MAX_ENTRIES - 1);
const blockIndex = count(Math.ceil(MAX_FILE_BYTES / BLOCK_BYTES));
const size = count(MAX_FILE_BYTES);
const path = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_PATH_BYTES));
// ±8.64e15 ms is the range of ECMAScript's Date.
const time = v.pipe(v.number(), v.safeInteger(), v.minValue(-8.64e15), v.maxValue(8.64e15));
const hash = v.pipe(v.string(), v.length(43), v.transform(decodeHash));
const list = <T extends v.GenericSchema>(item: T) => v.pipe(v.array(item), v.maxLength(MAX_LIST_ITEMS));
const range = v.strictTuple([entryId, blockIndex, positive(MAX_RANGE_BLOCKS)]);

const entry = v.variant('kind', [
  v.strictObject({
    kind: v.literal('file'),
    path,
    sizeBytes: size,
    modifiedMs: v.exactOptional(time),
    executable: v.exactOptional(v.literal(true)),
  }),
  v.strictObject({ kind: v.literal('folder'), path, modifiedMs: v.exactOptional(time) }),
]);

/** Why one file is given up; the transfer goes on. */
const FILE_FAILURES = [
  'source-changed',
  'source-unreadable',
  'damaged',
  'sink-failed',
  'disk-full',
  'unsafe-path',
  'cancelled',
] as const;
export type FileFailure = (typeof FILE_FAILURES)[number];

/** Why a session ends. `complete` alone is a good end. */
const ENDINGS = [
  'complete',
  'declined',
  'cancelled',
  'disk-full',
  'sink-failed',
  'source-unreadable',
  'protocol-violation',
  'internal',
] as const satisfies readonly ('complete' | TransferErrorCode)[];
export type Ending = (typeof ENDINGS)[number];

const failed = v.strictObject({ type: v.literal('failed'), entry: entryId, code: v.picklist(FILE_FAILURES) });
const pause = v.strictObject({
  type: v.literal('pause'),
  paused: v.boolean(),
  entry: v.exactOptional(entryId),
});
const route = v.strictObject({ type: v.literal('route'), route: v.picklist(['lan', 'direct', 'relayed']) });
/** What makes a further lane, in one that stands: the same as through the server. */
const lane = v.strictObject({ type: v.literal('lane'), payload: lanePayload });
const tcp = v.strictObject({ type: v.literal('tcp'), addresses: tcpAddresses });
const bye = v.strictObject({ type: v.literal('bye'), code: v.picklist(ENDINGS) });

const senderMessage = v.variant('type', [
  v.strictObject({
    type: v.literal('manifest'),
    entries: positive(MAX_ENTRIES),
    pages: positive(MAX_ENTRIES),
    totalBytes: size,
  }),
  v.strictObject({
    type: v.literal('page'),
    page: count(MAX_ENTRIES),
    entries: v.pipe(v.array(entry), v.minLength(1)),
  }),
  v.strictObject({ type: v.literal('roots'), roots: list(v.strictTuple([entryId, hash])) }),
  v.strictObject({
    type: v.literal('leaves'),
    entry: entryId,
    first: blockIndex,
    leaves: v.pipe(list(hash), v.minLength(1)),
  }),
  v.strictObject({ type: v.literal('lanes'), count: positive(MAX_LANES) }),
  failed,
  pause,
  route,
  lane,
  tcp,
  bye,
]);

const receiverMessage = v.variant('type', [
  v.strictObject({ type: v.literal('pages'), first: count(MAX_ENTRIES), count: positive(MAX_PAGES_ASKED) }),
  v.strictObject({
    type: v.literal('choice'),
    files: count(MAX_ENTRIES),
    totalBytes: size,
    heldBytes: size,
  }),
  v.strictObject({
    type: v.literal('credit'),
    bytes: v.pipe(count(MAX_CREDIT_BYTES), v.minValue(BLOCK_BYTES)),
  }),
  v.strictObject({ type: v.literal('request'), ranges: list(range), roots: list(entryId) }),
  v.strictObject({ type: v.literal('ack'), blocks: list(range) }),
  v.strictObject({
    type: v.literal('compare'),
    entry: entryId,
    first: blockIndex,
    count: positive(MAX_LIST_ITEMS),
  }),
  v.strictObject({ type: v.literal('complete') }),
  failed,
  pause,
  route,
  lane,
  tcp,
  bye,
]);

/** What a sender says. */
export type SenderMessage = v.InferOutput<typeof senderMessage>;
/** What a receiver says. */
export type ReceiverMessage = v.InferOutput<typeof receiverMessage>;
export type ControlMessage = SenderMessage | ReceiverMessage;

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function encodeControlMessage(message: ControlMessage): Uint8Array<ArrayBuffer> {
  return utf8.encode(
    JSON.stringify(message, (_key, value) =>
      value instanceof Uint8Array ? base64urlnopad.encode(value) : value,
    ),
  );
}

/** @throws ProtocolViolation */
export const decodeSenderMessage = (body: Uint8Array): SenderMessage => decode(senderMessage, body);
/** @throws ProtocolViolation */
export const decodeReceiverMessage = (body: Uint8Array): ReceiverMessage => decode(receiverMessage, body);

function decode<T extends v.GenericSchema>(schema: T, body: Uint8Array): v.InferOutput<T> {
  if (body.length > MAX_CONTROL_BYTES) throw new ProtocolViolation('oversized control message');
  let document: unknown;
  try {
    document = JSON.parse(strictUtf8.decode(body));
  } catch {
    throw new ProtocolViolation('control message is not JSON');
  }
  const result = v.safeParse(schema, document, { abortEarly: true });
  if (!result.success) throw new ProtocolViolation(`control message refused: ${result.issues[0].message}`);
  return result.output;
}

function decodeHash(text: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = base64urlnopad.decode(text);
  } catch {
    throw new ProtocolViolation('hash is not base64url');
  }
  if (bytes.length !== LEAF_BYTES) throw new ProtocolViolation('hash of the wrong length');
  return bytes;
}
