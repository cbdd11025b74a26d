import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolViolation } from './errors.ts';
import {
  decodeLaneMessage,
  encodeControl,
  encodeControlAck,
  encodeFrame,
  encodePing,
  encodeProof,
  encodeReceipt,
  FRAME_OVERHEAD_BYTES,
  type LaneMessage,
  PROOF_BYTES,
} from './lane-message.ts';
import { LEAF_BYTES } from './leaf-tree.ts';
import {
  MAX_CONTROL_BYTES,
  MAX_FILE_BYTES,
  MAX_FRAME_PAYLOAD_BYTES,
  MAX_LANE_MESSAGE_BYTES,
} from './limits.ts';
import vectors from './testdata/transfer-lane-messages.json' with { type: 'json' };
import { FUZZ } from './testing/fuzz.ts';

function encode(message: LaneMessage): Uint8Array<ArrayBuffer> {
  switch (message.kind) {
    case 'proof':
      return encodeProof(message.proof);
    case 'control':
      return encodeControl(message.seq, message.body);
    case 'control-ack':
      return encodeControlAck(message.next);
    case 'frame':
      return encodeFrame(message.entry, message.offset, message.payload, message.leaf);
    case 'ping':
    case 'pong':
      return encodePing(message.kind, message.token);
    case 'receipt':
      return encodeReceipt(message.bytes);
  }
}

const u32 = fc.oneof(
  fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
  fc.nat({ max: 0xffff_ffff }),
);
const offset = fc.oneof(
  fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, MAX_FILE_BYTES),
  fc.integer({ min: 0, max: MAX_FILE_BYTES }),
);
const bytes = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
/** Of lengths that matter, without making fast-check invent every byte. */
const longBytes = (...lengths: number[]) =>
  fc
    .tuple(fc.constantFrom(...lengths), fc.nat({ max: 255 }))
    .map(([n, fill]) => new Uint8Array(n).fill(fill));

const laneMessage: fc.Arbitrary<LaneMessage> = fc.oneof(
  fc.record({ kind: fc.constant('proof' as const), proof: bytes(PROOF_BYTES) }),
  fc.record({
    kind: fc.constant('control' as const),
    seq: u32,
    body: fc.oneof(bytes(0, 100), longBytes(MAX_CONTROL_BYTES)),
  }),
  fc.record({ kind: fc.constant('control-ack' as const), next: u32 }),
  fc.record({
    kind: fc.constant('frame' as const),
    entry: u32,
    offset,
    payload: fc.oneof(bytes(1, 100), longBytes(1, MAX_FRAME_PAYLOAD_BYTES - 1, MAX_FRAME_PAYLOAD_BYTES)),
    leaf: fc.option(bytes(LEAF_BYTES)),
  }),
  fc.record({ kind: fc.constant('ping' as const), token: u32 }),
  fc.record({ kind: fc.constant('pong' as const), token: u32 }),
  fc.record({ kind: fc.constant('receipt' as const), bytes: offset }),
);

/** What decoding makes of the bytes; anything thrown but a ProtocolViolation fails the test. */
function decodeOrRefuse(message: Uint8Array): LaneMessage | 'refused' {
  try {
    return decodeLaneMessage(message);
  } catch (error) {
    if (error instanceof ProtocolViolation) return 'refused';
    throw error;
  }
}

const hex = (value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
const readable = (message: LaneMessage) =>
  Object.fromEntries(Object.entries(message).map(([key, value]) => [key, hex(value)]));

describe('the published vectors', () => {
  it.each(vectors.accepted)('accept: $what', ({ fields, message }) => {
    const decoded = decodeLaneMessage(Buffer.from(message, 'hex'));
    expect(readable(decoded)).toEqual(fields);
    expect(hex(encode(decoded))).toBe(message);
  });

  it.each(vectors.refused)('refuse: $what', ({ message }) => {
    expect(() => decodeLaneMessage(Buffer.from(message, 'hex'))).toThrow(ProtocolViolation);
  });
});

describe('lane messages', () => {
  it('come back as they were said', () => {
    fc.assert(
      fc.property(laneMessage, (message) => {
        const encoded = encode(message);
        expect(readable(decodeLaneMessage(encoded))).toEqual(readable(message));
        expect(encoded.length).toBeLessThanOrEqual(MAX_LANE_MESSAGE_BYTES);
        if (message.kind === 'frame') {
          expect(encoded.length - message.payload.length).toBeLessThanOrEqual(FRAME_OVERHEAD_BYTES);
        }
      }),
    );
  });

  it('are read where they lie within a larger buffer, and are not copied', () => {
    const inner = encodeFrame(1, 2, Uint8Array.of(3, 4), new Uint8Array(LEAF_BYTES));
    const outer = new Uint8Array(inner.length + 20);
    outer.set(inner, 11);
    const decoded = decodeLaneMessage(outer.subarray(11, 11 + inner.length));
    if (decoded.kind !== 'frame') throw new Error('not a frame');
    expect(decoded).toEqual({
      kind: 'frame',
      entry: 1,
      offset: 2,
      payload: Uint8Array.of(3, 4),
      leaf: new Uint8Array(LEAF_BYTES),
    });
    expect(decoded.payload.buffer).toBe(outer.buffer);
  });

  it.each([
    ['a control body', encodeControl(0, new Uint8Array(MAX_CONTROL_BYTES + 1))],
    ['a frame’s payload', encodeFrame(0, 0, new Uint8Array(MAX_FRAME_PAYLOAD_BYTES + 1), null)],
    [
      'a last frame’s payload',
      encodeFrame(0, 0, new Uint8Array(MAX_FRAME_PAYLOAD_BYTES + 1), new Uint8Array(LEAF_BYTES)),
    ],
    ['any message', new Uint8Array(MAX_LANE_MESSAGE_BYTES + 1)],
  ])('are refused one byte above the bound of %s', (_what, message) => {
    expect(() => decodeLaneMessage(message)).toThrow(/oversized/);
  });
});

describe('hostile lane messages', () => {
  it(
    'are refused or mean exactly their bytes, and throw nothing but ProtocolViolation',
    () => {
      const kindFirst = fc
        .tuple(fc.nat({ max: 8 }), bytes(0, 60))
        .map(([kind, rest]) => Uint8Array.of(kind, ...rest));
      fc.assert(
        fc.property(fc.oneof(kindFirst, bytes(0, 60)), (message) => {
          const decoded = decodeOrRefuse(message);
          if (decoded !== 'refused') expect(hex(encode(decoded))).toBe(hex(message));
        }),
        { numRuns: 45_000 * FUZZ },
      );
    },
    20_000 * FUZZ,
  );

  it(
    'are refused or mean exactly their bytes where a good message was cut, lengthened or altered',
    () => {
      const small = laneMessage.filter((message) => encode(message).length < 200).map(encode);
      const mutated = fc
        .tuple(small, fc.nat({ max: 199 }), fc.nat({ max: 255 }), fc.constantFrom('cut', 'lengthen', 'alter'))
        .map(([message, at, byte, how]) => {
          if (how === 'cut') return message.subarray(0, at % message.length);
          if (how === 'lengthen') return Uint8Array.of(...message, byte);
          message[at % message.length] = byte;
          return message;
        });
      fc.assert(
        fc.property(mutated, (message) => {
          const decoded = decodeOrRefuse(message);
          if (decoded !== 'refused') expect(hex(encode(decoded))).toBe(hex(message));
        }),
        { numRuns: 25_000 * FUZZ },
      );
    },
    20_000 * FUZZ,
  );
});
