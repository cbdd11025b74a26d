import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolViolation } from '../errors.ts';
import { MAX_PAYLOAD_BYTES } from '../signaling.ts';
import { FUZZ } from '../testing/fuzz.ts';
import { MAX_CANDIDATE_CHARS, MAX_MESSAGE_BYTES, MAX_PAYLOADS, MAX_SDP_CHARS } from './limits.ts';
import { ANSWER, bytesFor, DELIVERY, OFFER } from './paired-run.fixture.ts';
import {
  encodeAccept,
  encodePayloads,
  parseAccept,
  parseConfirm,
  parsePayloads,
  type SealedPayload,
} from './sealed-payload.ts';

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const CANDIDATE: SealedPayload = {
  type: 'candidate',
  lane: 'a',
  candidate: 'candidate:1 1 udp 2122260223 192.0.2.1 54321 typ host',
  sdpMid: '0',
  sdpMLineIndex: 0,
};
const END: SealedPayload = { type: 'end-of-candidates', lane: 'a' };
const BYE: SealedPayload = { type: 'bye', code: 'declined' };
const OWNER_PROOF = { publicKey: bytesFor('public', 32), signature: bytesFor('signature', 64) };

const lane = fc.stringMatching(/^[\w-]{1,32}$/);
const text = fc.string({ unit: 'grapheme', maxLength: 100 });
const payload: fc.Arbitrary<SealedPayload> = fc.oneof(
  fc.record({ type: fc.constant('offer' as const), lane, sdp: text }),
  fc.record({ type: fc.constant('answer' as const), lane, sdp: text }),
  fc.record({
    type: fc.constant('candidate' as const),
    lane,
    candidate: fc.string({ maxLength: 100 }),
    sdpMid: fc.option(fc.string({ maxLength: 32 })),
    sdpMLineIndex: fc.option(fc.nat(255)),
  }),
  fc.record({ type: fc.constant('end-of-candidates' as const), lane }),
  fc.record({ type: fc.constant('bye' as const), code: fc.stringMatching(/^[a-z-]{1,32}$/) }),
);

describe('payloads', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 5 }), (payloads) => {
        expect(parsePayloads(encodePayloads(payloads))).toEqual(payloads);
        expect(parseAccept(encodeAccept(OWNER_PROOF, payloads))).toEqual({ owner: OWNER_PROOF, payloads });
      }),
    );
  });

  it.each([
    ['no array', OFFER],
    ['a kind that is not known', [{ type: 'share', k: 'x' }]],
    ['a field too many', [{ ...OFFER, more: 1 }]],
    ['a field missing', [{ type: 'offer', lane: 'a' }]],
    ['a lane without a name', [{ ...OFFER, lane: '' }]],
    ['a lane with a space', [{ ...OFFER, lane: 'a b' }]],
    ['a lane of 33 characters', [{ ...OFFER, lane: 'a'.repeat(33) }]],
    ['a description beyond its bound', [{ ...OFFER, sdp: 'x'.repeat(MAX_SDP_CHARS + 1) }]],
    ['a candidate beyond its bound', [{ ...CANDIDATE, candidate: 'x'.repeat(MAX_CANDIDATE_CHARS + 1) }]],
    ['a line index that is no index', [{ ...CANDIDATE, sdpMLineIndex: -1 }]],
    ['a line index that is a fraction', [{ ...CANDIDATE, sdpMLineIndex: 0.5 }]],
    ['a mid that is missing', [{ ...CANDIDATE, sdpMid: undefined }]],
    ['a bye with text', [{ ...BYE, code: 'So long!' }]],
    ['more payloads than the bound', Array.from({ length: MAX_PAYLOADS + 1 }, () => END)],
    [
      'an owner where none belongs',
      [{ type: 'owner', publicKey: 'A'.repeat(43), signature: 'A'.repeat(86) }],
    ],
    ['null', null],
  ])('are refused with %s', (_, value) => {
    expect(() => parsePayloads(encode(value))).toThrow(ProtocolViolation);
  });

  it.each([
    ['not JSON', '['],
    ['a byte-order mark', '\ufeff[]'],
    ['two values', '[] []'],
    ['a prototype', '[{"type":"bye","code":"x","__proto__":{}}]'],
  ])('are refused as %s', (_, text) => {
    expect(() => parsePayloads(new TextEncoder().encode(text))).toThrow(ProtocolViolation);
  });

  it('are refused in bytes that are no UTF-8', () => {
    const bytes = encodePayloads([{ type: 'offer', lane: 'a', sdp: '~' }]);
    bytes[bytes.indexOf(0x7e)] = 0xff;
    expect(() => parsePayloads(bytes)).toThrow(ProtocolViolation);
  });
});

describe('a confirmation', () => {
  it('names a delivery beside its offer', () => {
    for (const payloads of [[DELIVERY, OFFER], [OFFER, DELIVERY], [OFFER]])
      expect(parseConfirm(encodePayloads(payloads))).toEqual(payloads);
  });

  it.each([
    ['two deliveries', [DELIVERY, OFFER, DELIVERY]],
    ['an id of 15 bytes', [{ ...DELIVERY, id: 'A'.repeat(20) }]],
    ['an id of 17 bytes', [{ ...DELIVERY, id: 'A'.repeat(23) }]],
    ['an id that is not canonical', [{ ...DELIVERY, id: `${'A'.repeat(21)}B` }]],
    ['an id of other characters', [{ ...DELIVERY, id: '+'.repeat(22) }]],
    ['an id that is a number', [{ ...DELIVERY, id: 7 }]],
    ['no id', [{ type: 'delivery' }]],
    ['a field too many', [{ ...DELIVERY, lane: 'a' }]],
    ['more payloads than the bound', Array.from({ length: MAX_PAYLOADS + 1 }, () => END)],
  ])('is refused with %s', (_, value) => {
    expect(() => parseConfirm(encode(value))).toThrow(ProtocolViolation);
  });

  it('alone names one', () => {
    expect(() => parsePayloads(encodePayloads([DELIVERY]))).toThrow(ProtocolViolation);
    expect(() => parseAccept(encodeAccept(OWNER_PROOF, [DELIVERY]))).toThrow(ProtocolViolation);
  });
});

describe('an acceptance', () => {
  it.each([
    ['nothing', []],
    ['no owner', [ANSWER]],
    ['the owner second', [ANSWER, owner()]],
    ['two owners', [owner(), owner()]],
    ['a public key cut by one', [{ ...owner(), publicKey: 'A'.repeat(42) }]],
    ['a public key that is not canonical', [{ ...owner(), publicKey: `${'A'.repeat(42)}B` }]],
    ['a signature of other characters', [{ ...owner(), signature: '+'.repeat(86) }]],
    ['a field too many', [{ ...owner(), k: '' }]],
  ])('is refused with %s', (_, value) => {
    expect(() => parseAccept(encode(value))).toThrow(ProtocolViolation);
    expect(parseAccept(encode([owner()])).payloads).toEqual([]);
  });

  function owner() {
    return { type: 'owner', publicKey: 'A'.repeat(43), signature: 'A'.repeat(86) };
  }
});

describe('whatever is sealed', () => {
  it(
    'is read or refused, never anything else',
    () => {
      const texts = [OFFER, ANSWER, CANDIDATE, END, BYE, DELIVERY].map((item) => JSON.stringify([item, END]));
      const mutated = fc
        .tuple(fc.constantFrom(...texts), fc.nat(200), fc.nat(255))
        .map(([text, at, byte]) => {
          const bytes = new TextEncoder().encode(text);
          bytes[at % bytes.length] = byte;
          return bytes;
        });
      const value = fc.json({ maxDepth: 3 }).map((text) => new TextEncoder().encode(text));
      fc.assert(
        fc.property(fc.oneof(mutated, mutated, value, fc.uint8Array({ maxLength: 40 })), (bytes) => {
          for (const parse of [parsePayloads, parseConfirm, parseAccept]) {
            try {
              parse(bytes);
            } catch (error) {
              expect(error).toBeInstanceOf(ProtocolViolation);
            }
          }
        }),
        { numRuns: 20_000 * FUZZ },
      );
    },
    20_000 * FUZZ,
  );
});

describe('a message', () => {
  it('fits what the signaling server relays', () => {
    expect(MAX_MESSAGE_BYTES).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
  });
});
