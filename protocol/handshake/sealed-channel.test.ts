import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolViolation, TransferError } from '../errors.ts';
import { FUZZ } from '../testing/fuzz.ts';
import { MAX_PLAINTEXT_BYTES } from './limits.ts';
import { bytesFor, flipped, outcomeOf } from './paired-run.fixture.ts';
import { SealedChannel } from './sealed-channel.ts';

const KEYS = { receiver: bytesFor('kRS', 32), sender: bytesFor('kSR', 32) };
const PLACE = { room: bytesFor('room', 16), sid: bytesFor('sid', 16) };
const OVERHEAD_BYTES = 8 + 16;

function pair() {
  return {
    receiver: new SealedChannel('receiver', KEYS, PLACE),
    sender: new SealedChannel('sender', KEYS, PLACE),
  };
}

/** What the specification says a receiver's first sealed message is, made without the code under test. */
function sealedByHand(padded: Uint8Array): Uint8Array {
  const seq = new Uint8Array(8);
  const cipher = createCipheriv('aes-256-gcm', KEYS.receiver, new Uint8Array(12));
  cipher.setAAD(Uint8Array.from([16, ...PLACE.room, 2, 0x52, 0x53, 16, ...PLACE.sid, 8, ...seq]));
  return new Uint8Array([...seq, ...cipher.update(padded), ...cipher.final(), ...cipher.getAuthTag()]);
}

/** Lengths at which the padding, with its four bytes of length, takes another step, and the ends. */
const INTERESTING_LENGTHS = [
  { bytes: 0, paddedBytes: 256, why: 'nothing still takes a step' },
  { bytes: 1, paddedBytes: 256, why: 'the least' },
  { bytes: 252, paddedBytes: 256, why: 'fills a step' },
  { bytes: 253, paddedBytes: 512, why: 'is one too many for a step' },
  { bytes: MAX_PLAINTEXT_BYTES - 4, paddedBytes: MAX_PLAINTEXT_BYTES, why: 'the most' },
];

describe('a sealed message', () => {
  it.each(INTERESTING_LENGTHS)('of $bytes bytes takes $paddedBytes: $why', ({ bytes, paddedBytes }) => {
    const { receiver, sender } = pair();
    const plaintext = new Uint8Array(bytes).fill(7);
    const sealed = receiver.seal(plaintext);
    expect(sealed).toHaveLength(paddedBytes + OVERHEAD_BYTES);
    expect(sender.open(sealed)).toEqual(plaintext);
  });

  it('is not made of more than fits', () => {
    expect(() => pair().receiver.seal(new Uint8Array(MAX_PLAINTEXT_BYTES - 3))).toThrow(RangeError);
  });

  it('opens as it was sealed, both ways at once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 600 })), { maxLength: 10 }),
        (said) => {
          const { receiver, sender } = pair();
          for (const [byReceiver, plaintext] of said) {
            const [from, to] = byReceiver ? [receiver, sender] : [sender, receiver];
            expect(to.open(from.seal(plaintext))).toEqual(plaintext);
          }
        },
      ),
    );
  });

  it('does not open with any byte changed, and the right one opens afterwards', () => {
    const { receiver, sender } = pair();
    const sealed = receiver.seal(Uint8Array.of(1, 2, 3));
    for (let index = 0; index < sealed.length; index++) {
      expect(outcomeOf(() => sender.open(flipped(sealed, index)))).toBe('tampered');
    }
    expect(sender.open(sealed)).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('does not open cut, lengthened or empty', () => {
    const { receiver, sender } = pair();
    const sealed = receiver.seal(new Uint8Array(300));
    for (const length of [0, 1, 8, 24, 25, 256 + 24, sealed.length - 1]) {
      expect(outcomeOf(() => sender.open(sealed.subarray(0, length)))).toBe('tampered');
    }
    expect(outcomeOf(() => sender.open(new Uint8Array([...sealed, 0])))).toBe('tampered');
    expect(outcomeOf(() => sender.open(new Uint8Array(MAX_PLAINTEXT_BYTES + 256 + 24)))).toBe('tampered');
  });

  it('opens once', () => {
    const { receiver, sender } = pair();
    const sealed = receiver.seal(new Uint8Array(0));
    sender.open(sealed);
    expect(outcomeOf(() => sender.open(sealed))).toBe('tampered');
  });

  it('does not open at the side that sealed it', () => {
    const { receiver, sender } = pair();
    const sealed = receiver.seal(new Uint8Array(0));
    expect(outcomeOf(() => receiver.open(sealed))).toBe('tampered');
    expect(sender.open(sealed)).toHaveLength(0);
  });

  it('does not open in its own direction’s place even where both keys are one', () => {
    const keys = { receiver: KEYS.receiver, sender: KEYS.receiver };
    const receiver = new SealedChannel('receiver', keys, PLACE);
    expect(outcomeOf(() => receiver.open(receiver.seal(new Uint8Array(0))))).toBe('tampered');
  });

  it.each([
    ['another room', { ...PLACE, room: bytesFor('other', 16) }],
    ['another run', { ...PLACE, sid: bytesFor('other', 16) }],
    ['a place that reads the same without lengths', { room: PLACE.room.subarray(0, 15), sid: PLACE.sid }],
  ])('does not open in %s', (_, place) => {
    const elsewhere = new SealedChannel('sender', KEYS, place);
    expect(outcomeOf(() => elsewhere.open(pair().receiver.seal(new Uint8Array(0))))).toBe('tampered');
  });

  it.each([
    ['a length beyond the end', (padded: Uint8Array) => padded.set([0, 0, 1, 0])],
    ['the largest length', (padded: Uint8Array) => padded.fill(255, 0, 4)],
    ['padding that is not zero', (padded: Uint8Array) => padded.fill(1, 255)],
    [
      'a plaintext that would have fitted one step less',
      (padded: Uint8Array) => padded.set([0, 0, 0, 10], 0),
      512,
    ],
  ])('is refused where the peer itself sealed %s', (_, fill, paddedBytes = 256) => {
    const padded = new Uint8Array(paddedBytes);
    fill(padded);
    const { sender } = pair();
    expect(() => sender.open(sealedByHand(padded))).toThrow(ProtocolViolation);
    expect(sender.open(sealedByHand(new Uint8Array(256)))).toHaveLength(0);
  });
});

describe('whatever the order in which a server delivers', () => {
  it('only later messages open, each once', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 30 }), (deliveries) => {
        const { receiver, sender } = pair();
        const sealed = Array.from({ length: 10 }, (_, index) => receiver.seal(Uint8Array.of(index)));
        let last = -1;
        for (const index of deliveries) {
          const outcome = outcomeOf(() => {
            expect(sender.open(sealed[index] ?? new Uint8Array(0))).toEqual(Uint8Array.of(index));
          });
          expect(outcome).toBe(index > last ? 'accepted' : 'tampered');
          last = Math.max(last, index);
        }
      }),
    );
  });

  it(
    'rubbish is refused as tampered',
    () => {
      const { sender } = pair();
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 300 }), (rubbish) => {
          expect(() => sender.open(rubbish)).toThrow(TransferError);
        }),
        { numRuns: 5_000 * FUZZ },
      );
    },
    20_000 * FUZZ,
  );
});
