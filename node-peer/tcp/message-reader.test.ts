import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_LANE_MESSAGE_BYTES } from '#protocol/limits.ts';
import { MessageReader } from './message-reader.ts';

function framed(messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    messages.flatMap((message) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(message.length);
      return [length, message];
    }),
  );
}

test('however a stream is cut, its messages are what was written', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
  fc.assert(
    fc.property(messages, fc.array(fc.nat({ max: 60 })), (written, cuts) => {
      const stream = framed(written);
      const reader = new MessageReader();
      const read: Uint8Array[] = [];
      let at = 0;
      for (const size of [...cuts, stream.length]) {
        expect(reader.push(stream.subarray(at, at + size), (message) => read.push(message))).toBe(true);
        at += size;
      }
      expect(read).toEqual(written.map((message) => Uint8Array.from(message)));
    }),
  );
});

test('the longest message is taken, a longer one is not', () => {
  const longest = new Uint8Array(MAX_LANE_MESSAGE_BYTES).fill(7);
  const read: Uint8Array[] = [];
  expect(new MessageReader().push(framed([longest]), (message) => read.push(message))).toBe(true);
  expect(read.map((message) => Buffer.compare(message, longest))).toEqual([0]);
  const length = Buffer.alloc(4);
  for (const tooLong of [MAX_LANE_MESSAGE_BYTES + 1, 0x80000000, 0xffffffff]) {
    length.writeUInt32BE(tooLong);
    expect(new MessageReader().push(length, () => {})).toBe(false);
  }
});

test('a message that was given back is used again, and only then', () => {
  const [first, second, third] = [1, 2, 3].map((fill) => new Uint8Array(64 * 1024).fill(fill));
  const reader = new MessageReader();
  const read: Uint8Array<ArrayBuffer>[] = [];
  const push = (message = new Uint8Array()) => reader.push(framed([message]), (came) => void read.push(came));
  push(first);
  push(second);
  const [one, two] = read;
  expect(Buffer.compare(one ?? Buffer.alloc(0), first ?? Buffer.alloc(0))).toBe(0);
  if (one) reader.recycle(one);
  push(third);
  expect(read[2]?.buffer).toBe(one?.buffer);
  expect(Buffer.compare(read[2] ?? Buffer.alloc(0), third ?? Buffer.alloc(0))).toBe(0);
  expect(Buffer.compare(two ?? Buffer.alloc(0), second ?? Buffer.alloc(0))).toBe(0);
});

test('no message shares memory with another, or with the chunk', () => {
  const chunk = framed([Uint8Array.of(1, 2), Uint8Array.of(3, 4)]);
  const read: Uint8Array[] = [];
  new MessageReader().push(chunk, (message) => read.push(message));
  chunk.fill(0);
  expect(read).toEqual([Uint8Array.of(1, 2), Uint8Array.of(3, 4)]);
  expect(new Set(read.map(({ buffer }) => buffer)).size).toBe(2);
  expect(read.map(({ buffer }) => buffer.byteLength)).toEqual([2, 2]);
});
