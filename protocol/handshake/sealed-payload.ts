import * as v from 'valibot';
import { ProtocolViolation } from '../errors.ts';
import { decodeBase64url, encodeBase64url } from './base64url.ts';
import {
  DELIVERY_ID_BYTES,
  MAX_CANDIDATE_CHARS,
  MAX_LANE_ID_CHARS,
  MAX_PAYLOADS,
  MAX_SDP_CHARS,
} from './limits.ts';
import { tcpAddresses } from './tcp-addresses.ts';

const lane = v.pipe(v.string(), v.maxLength(MAX_LANE_ID_CHARS), v.regex(/^[\w-]+$/));
const sdp = v.pipe(v.string(), v.maxLength(MAX_SDP_CHARS));

/** Names what the receiver fetches, over all its sessions. */
const delivery = v.strictObject({
  type: v.literal('delivery'),
  id: v.pipe(
    v.string(),
    v.check((id) => decodeBase64url(id, DELIVERY_ID_BYTES) !== null),
  ),
});

/** What is said to make one lane, here or in a lane that stands. */
export const lanePayload = v.variant('type', [
  v.strictObject({ type: v.literal('offer'), lane, sdp }),
  v.strictObject({ type: v.literal('answer'), lane, sdp }),
  v.strictObject({
    type: v.literal('candidate'),
    lane,
    candidate: v.pipe(v.string(), v.maxLength(MAX_CANDIDATE_CHARS)),
    sdpMid: v.nullable(v.pipe(v.string(), v.maxLength(32))),
    sdpMLineIndex: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255))),
  }),
  v.strictObject({ type: v.literal('end-of-candidates'), lane }),
]);

/** Where its side may be dialled for a lane over TCP. */
const tcp = v.strictObject({ type: v.literal('tcp'), addresses: tcpAddresses });

const payloadSchema = v.variant('type', [
  lanePayload,
  tcp,
  v.strictObject({ type: v.literal('bye'), code: v.pipe(v.string(), v.regex(/^[a-z-]{1,32}$/)) }),
]);

const ownerSchema = v.strictObject({ type: v.literal('owner'), publicKey: bytes(32), signature: bytes(64) });
const payloadsSchema = v.pipe(v.array(payloadSchema), v.maxLength(MAX_PAYLOADS));
const confirmSchema = v.pipe(
  v.array(v.variant('type', [delivery, payloadSchema])),
  v.maxLength(MAX_PAYLOADS),
  v.check((payloads) => payloads.filter(({ type }) => type === 'delivery').length <= 1),
);
const acceptSchema = v.pipe(v.tupleWithRest([ownerSchema], payloadSchema), v.maxLength(1 + MAX_PAYLOADS));

/** What two peers say to each other through the server, sealed. Several travel in one message. @see docs/handshake.md */
export type SealedPayload = v.InferOutput<typeof payloadSchema> | v.InferOutput<typeof delivery>;

/** The owner's proof: first in message 4 and nowhere else. */
export interface OwnerProof {
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

export function encodePayloads(payloads: readonly SealedPayload[]): Uint8Array {
  return encodeJson(payloads);
}

/** @throws ProtocolViolation */
export function parsePayloads(plaintext: Uint8Array): SealedPayload[] {
  return check(payloadsSchema, plaintext);
}

/** What message 3 seals: one `delivery` at most among it, which stands nowhere else. @throws ProtocolViolation */
export function parseConfirm(plaintext: Uint8Array): SealedPayload[] {
  return check(confirmSchema, plaintext);
}

/** What message 4 seals: the owner's proof, then payloads. */
export function encodeAccept(
  { publicKey, signature }: OwnerProof,
  payloads: readonly SealedPayload[],
): Uint8Array {
  const owner = {
    type: 'owner',
    publicKey: encodeBase64url(publicKey),
    signature: encodeBase64url(signature),
  };
  return encodeJson([owner, ...payloads]);
}

/** @throws ProtocolViolation */
export function parseAccept(plaintext: Uint8Array): { owner: OwnerProof; payloads: SealedPayload[] } {
  const [{ publicKey, signature }, ...payloads] = check(acceptSchema, plaintext);
  return { owner: { publicKey, signature }, payloads };
}

function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function check<const Schema extends v.GenericSchema>(
  schema: Schema,
  plaintext: Uint8Array,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, parseJson(plaintext), { abortEarly: true });
  if (result.success) return result.output;
  throw new ProtocolViolation(
    `a sealed payload is malformed: ${v.getDotPath(result.issues[0]) ?? 'its outer form'}`,
  );
}

function parseJson(plaintext: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(plaintext));
  } catch {
    throw new ProtocolViolation('a sealed payload is not JSON in UTF-8');
  }
}

function bytes(lengthBytes: number) {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const decoded = decodeBase64url(dataset.value, lengthBytes);
      if (decoded) return decoded;
      addIssue({ message: `not ${lengthBytes} bytes in base64url` });
      return NEVER;
    }),
  );
}
