import { describe, expect, it } from 'vitest';
import { SpareBuffers } from './spare-buffers.ts';

describe('SpareBuffers', () => {
  it('hands out what was given back before anything new', () => {
    const buffers = new SpareBuffers(100, 2);
    const [first, second] = [buffers.take(100), buffers.take(70)];
    expect(first).toHaveLength(100);
    expect(second).toHaveLength(70);
    expect(second.buffer).not.toBe(first.buffer);
    buffers.giveBack(second);
    const third = buffers.take(50);
    expect(third).toHaveLength(50);
    expect(third.buffer).toBe(second.buffer);
    expect(buffers.take(100).buffer).not.toBe(third.buffer);
  });

  it('keeps no more than it may, nothing of another size, and nothing that was handed on', () => {
    const buffers = new SpareBuffers(100, 1);
    const [one, two, gone] = [buffers.take(100), buffers.take(100), buffers.take(100)];
    structuredClone(gone, { transfer: [gone.buffer] });
    buffers.giveBack(gone);
    buffers.giveBack(new Uint8Array(99));
    buffers.giveBack(new Uint8Array(200).subarray(0, 100));
    buffers.giveBack(one);
    buffers.giveBack(two);
    expect(buffers.take(100).buffer).toBe(one.buffer);
    const fresh = buffers.take(100).buffer;
    expect(fresh).not.toBe(two.buffer);
    expect(fresh.byteLength).toBe(100);
  });

  it.each([0, 1, 49, 101])('gives %d bytes a buffer of their own', (lengthBytes) => {
    const { buffer } = new SpareBuffers(100, 1).take(lengthBytes);
    expect(buffer.byteLength).toBe(lengthBytes);
  });
});
