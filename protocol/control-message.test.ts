import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeReceiverMessage, decodeSenderMessage, encodeControlMessage } from './control-message.ts';
import { ProtocolViolation } from './errors.ts';
import { MAX_LANE_ID_CHARS, MAX_SDP_CHARS } from './handshake/limits.ts';
import { LEAF_BYTES } from './leaf-tree.ts';
import {
  BLOCK_BYTES,
  MAX_CONTROL_BYTES,
  MAX_ENTRIES,
  MAX_FILE_BYTES,
  MAX_LIST_ITEMS,
  MAX_RANGE_BLOCKS,
} from './limits.ts';
import vectors from './testdata/transfer-control-messages.json' with { type: 'json' };
import { anyReceiverMessage, anySenderMessage, WHOLE_WIRE } from './testing/any-control-message.ts';
import { FUZZ } from './testing/fuzz.ts';

const utf8 = new TextEncoder();
const decoders = { sender: decodeSenderMessage, receiver: decodeReceiverMessage };
type From = keyof typeof decoders;

/** What decoding makes of a body; anything thrown but a ProtocolViolation fails the test. */
function decodeOrRefuse(from: From, body: Uint8Array) {
  try {
    return decoders[from](body);
  } catch (error) {
    if (error instanceof ProtocolViolation) return 'refused';
    throw error;
  }
}

/** What an ICE candidate may leave open, as browsers do. */
const CANDIDATE_NULLS = new Set(['sdpMid', 'sdpMLineIndex']);

/** What every accepted message must be, checked apart from the schema: no float, no negative, no endless list. */
function expectSense(value: unknown, key = ''): void {
  if (value === null && CANDIDATE_NULLS.has(key)) return;
  if (value === null || value === undefined) throw new Error(`${key} is ${value}`);
  if (typeof value === 'number') {
    expect(Number.isSafeInteger(value)).toBe(true);
    if (key !== 'modifiedMs') expect(value).toBeGreaterThanOrEqual(0);
  } else if (value instanceof Uint8Array) {
    expect(value.length).toBe(LEAF_BYTES);
  } else if (Array.isArray(value)) {
    if (key !== 'entries') expect(value.length).toBeLessThanOrEqual(MAX_LIST_ITEMS);
    for (const item of value) expectSense(item, key);
  } else if (typeof value === 'object') {
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    for (const [name, item] of Object.entries(value)) expectSense(item, name);
  }
}

/** A refused body is fine; an accepted one makes sense and comes back from its own encoding. */
function expectSenseOrRefusal(from: From, body: Uint8Array): void {
  const message = decodeOrRefuse(from, body);
  if (message === 'refused') return;
  expectSense(message);
  const encoded = encodeControlMessage(message);
  expect(encodeControlMessage(decoders[from](encoded))).toEqual(encoded);
}

describe('the published vectors', () => {
  it.each(vectors.accepted)('accept: $what', ({ from, body }) => {
    const message = decoders[from as From](utf8.encode(body));
    expectSense(message);
    expect(JSON.parse(new TextDecoder().decode(encodeControlMessage(message)))).toEqual(JSON.parse(body));
  });

  it.each(vectors.refused)('refuse: $what', ({ from, body, bodyHex }) => {
    const bytes = bodyHex === undefined ? utf8.encode(body) : Buffer.from(bodyHex, 'hex');
    expect(() => decoders[from as From](bytes)).toThrow(ProtocolViolation);
  });
});

describe('control messages', () => {
  it('come back as they were said', () => {
    fc.assert(
      fc.property(anySenderMessage(WHOLE_WIRE), (message) => {
        expect(decodeSenderMessage(encodeControlMessage(message))).toEqual(message);
      }),
    );
    fc.assert(
      fc.property(anyReceiverMessage(WHOLE_WIRE), (message) => {
        expect(decodeReceiverMessage(encodeControlMessage(message))).toEqual(message);
      }),
    );
  });

  it('stay within MAX_CONTROL_BYTES with the longest lists of the longest numbers', () => {
    const range = [MAX_ENTRIES - 1, Math.ceil(MAX_FILE_BYTES / BLOCK_BYTES), MAX_RANGE_BLOCKS] as const;
    const ranges = Array.from({ length: MAX_LIST_ITEMS }, () => [...range] as [number, number, number]);
    const ids = Array.from({ length: MAX_LIST_ITEMS }, () => MAX_ENTRIES - 1);
    const roots = ids.map((id): [number, Uint8Array] => [id, new Uint8Array(LEAF_BYTES).fill(255)]);
    const request = encodeControlMessage({ type: 'request', ranges, roots: ids });
    const said = encodeControlMessage({ type: 'roots', roots });
    expect(decodeReceiverMessage(request)).toMatchObject({ type: 'request' });
    expect(decodeSenderMessage(said)).toMatchObject({ type: 'roots' });
    const hashes = roots.map(([, hash]) => hash);
    const leaves = encodeControlMessage({
      type: 'leaves',
      entry: MAX_ENTRIES - 1,
      first: 2 ** 33,
      leaves: hashes,
    });
    expect(decodeSenderMessage(leaves)).toMatchObject({ type: 'leaves' });
    const offer = encodeControlMessage({
      type: 'lane',
      payload: { type: 'offer', lane: 'x'.repeat(MAX_LANE_ID_CHARS), sdp: '\u0001'.repeat(MAX_SDP_CHARS) },
    });
    expect(decodeReceiverMessage(offer)).toMatchObject({ type: 'lane' });
    const lengths = [request, said, leaves, offer].map(({ length }) => length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(MAX_CONTROL_BYTES);
  });

  it('may be as long as MAX_CONTROL_BYTES and no longer', () => {
    const body = (length: number) => utf8.encode('{"type":"complete"}'.padEnd(length));
    expect(decodeReceiverMessage(body(MAX_CONTROL_BYTES))).toEqual({ type: 'complete' });
    expect(() => decodeReceiverMessage(body(MAX_CONTROL_BYTES + 1))).toThrow(/oversized/);
  });

  it('take the last of a key that is repeated, as JSON in ECMAScript does', () => {
    const body = utf8.encode('{"type":"bye","type":"credit","bytes":1,"bytes":1048576}');
    expect(decodeReceiverMessage(body)).toEqual({ type: 'credit', bytes: BLOCK_BYTES });
  });

  it.each(['[', '{"type":', '{"type":"ack","blocks":['])(
    'are refused where %s is nested as deep as fits',
    (open) => {
      const body = utf8.encode(open.repeat(Math.floor(MAX_CONTROL_BYTES / open.length)));
      expect(() => decodeReceiverMessage(body)).toThrow(ProtocolViolation);
      const deep = MAX_CONTROL_BYTES / 2 - 20;
      const closed = utf8.encode(
        `{"type":"ack","blocks":${'['.repeat(deep)}${']'.repeat(deep)}}`.slice(0, MAX_CONTROL_BYTES),
      );
      expect(() => decodeReceiverMessage(closed)).toThrow(ProtocolViolation);
    },
  );
});

describe('hostile control messages', () => {
  const from = fc.constantFrom<From>('sender', 'receiver');
  const document = (role: From) =>
    (role === 'sender' ? anySenderMessage(WHOLE_WIRE) : anyReceiverMessage(WHOLE_WIRE)).map(
      (message) => JSON.parse(new TextDecoder().decode(encodeControlMessage(message))) as unknown,
    );

  it(
    'are refused or make sense where they are JSON of any shape',
    () => {
      const names = fc.constantFrom(
        'type',
        'entries',
        'page',
        'roots',
        'bytes',
        'count',
        'first',
        'payload',
        'lane',
        '__proto__',
      );
      const anything = fc.oneof(
        fc.json({ maxDepth: 4 }),
        fc.dictionary(names, fc.jsonValue({ maxDepth: 3 })).map((value) => JSON.stringify(value)),
      );
      fc.assert(
        fc.property(from, anything, (role, text) => expectSenseOrRefusal(role, utf8.encode(text))),
        { numRuns: 5_000 * FUZZ },
      );
    },
    20_000 * FUZZ,
  );

  it(
    'are refused or make sense where one value of a good message was put in another’s place',
    () => {
      const strange = fc.oneof(
        fc.constantFrom<unknown>(
          null,
          true,
          -1,
          0.5,
          2 ** 53,
          -0,
          '',
          '1',
          [],
          {},
          [[]],
          [null],
          'A'.repeat(43),
        ),
        fc.jsonValue({ maxDepth: 2 }),
      );
      const mutated = from.chain((role) =>
        fc.tuple(
          fc.constant(role),
          document(role),
          fc.nat(),
          strange,
          fc.constantFrom('replace', 'remove', 'add'),
        ),
      );
      fc.assert(
        fc.property(mutated, ([role, value, at, stranger, how]) => {
          const places = placesIn(value);
          const { parent, key } = places[at % places.length] as Place;
          if (how === 'replace') parent[key] = stranger;
          else if (how === 'add') parent[`${key}x`] = stranger;
          else if (Array.isArray(parent)) parent.splice(Number(key), 1);
          else delete parent[key];
          expectSenseOrRefusal(role, utf8.encode(JSON.stringify(value)));
        }),
        { numRuns: 15_000 * FUZZ },
      );
    },
    20_000 * FUZZ,
  );

  it(
    'are refused or make sense where bytes of a good message were altered',
    () => {
      const alteration = fc.tuple(
        fc.nat(),
        fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...utf8.encode('"\\[]{},:-0.e'))),
      );
      const mutated = from.chain((role) =>
        fc.tuple(fc.constant(role), document(role), fc.array(alteration, { minLength: 1, maxLength: 3 })),
      );
      fc.assert(
        fc.property(mutated, ([role, value, alterations]) => {
          const body = utf8.encode(JSON.stringify(value));
          for (const [at, byte] of alterations) body[at % body.length] = byte;
          expectSenseOrRefusal(role, body);
        }),
        { numRuns: 15_000 * FUZZ },
      );
    },
    20_000 * FUZZ,
  );
});

interface Place {
  readonly parent: Record<string, unknown>;
  readonly key: string;
}

/** Every place in a document where a value stands. */
function placesIn(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const parent = value as Record<string, unknown>;
  return Object.keys(parent).flatMap((key) => [{ parent, key }, ...placesIn(parent[key])]);
}
