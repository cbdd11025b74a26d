import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VECTORS } from '../testing/vectors.ts';
import { Framing } from './framing.ts';

const MAX_BYTES = 200;
const MESSAGES = Object.values(VECTORS);
const STREAM = new Uint8Array(Buffer.concat(MESSAGES));

describe('a stream of messages', () => {
  test('comes apart whole when it comes whole', () => {
    expect(new Framing(MAX_BYTES).push(STREAM)).toEqual({ messages: MESSAGES, lost: false });
  });

  test('comes apart whole when it comes byte by byte', () => {
    const framing = new Framing(MAX_BYTES);
    const messages = [...STREAM].flatMap((byte) => framing.push(Uint8Array.of(byte)).messages);
    expect(messages).toEqual(MESSAGES);
  });

  test('comes apart whole however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(STREAM.length), { maxLength: 12 }), (positions) => {
        const cuts = [0, ...positions.sort((a, b) => a - b), STREAM.length];
        const framing = new Framing(MAX_BYTES);
        const messages = cuts.slice(1).flatMap((end, i) => {
          const frames = framing.push(STREAM.subarray(cuts[i], end));
          expect(frames.lost).toBe(false);
          return frames.messages;
        });
        expect(messages).toEqual(MESSAGES);
      }),
    );
  });

  test('does not depend on the memory of its chunks', () => {
    const framing = new Framing(MAX_BYTES);
    const chunk = VECTORS.request.slice(0, 50);
    framing.push(chunk);
    chunk.fill(0);
    const { messages } = framing.push(VECTORS.request.subarray(50));
    expect(messages).toEqual([VECTORS.request]);
  });
});

describe('a stream is lost', () => {
  test.each([
    ['at the first byte that no message starts with', [0x40]],
    ['where it speaks HTTP', [...Buffer.from('GET / HTTP/1.1\r\n')]],
    ['where it speaks TLS', [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01]],
    ['at a length that is no multiple of four', [0x00, 0x01, 0x00, 0x01]],
    ['at a length above the limit', [0x00, 0x01, 0x00, MAX_BYTES - 16]],
    ['at a wrong cookie', [0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x43]],
  ])('%s', (_, bytes) => {
    expect(new Framing(MAX_BYTES).push(Uint8Array.from(bytes))).toEqual({ messages: [], lost: true });
  });

  test('after the messages that came before', () => {
    const chunk = Uint8Array.from([...VECTORS.request, 0xff]);
    expect(new Framing(MAX_BYTES).push(chunk)).toEqual({ messages: [VECTORS.request], lost: true });
  });

  test('not at a message of just the limit', () => {
    const message = new Uint8Array(MAX_BYTES);
    message.set([0x00, 0x01, 0x00, MAX_BYTES - 20, 0x21, 0x12, 0xa4, 0x42]);
    expect(new Framing(MAX_BYTES).push(message)).toEqual({ messages: [message], lost: false });
  });
});
