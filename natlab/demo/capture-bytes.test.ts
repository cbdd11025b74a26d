import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDatagram } from './datagram.ts';
import { meaningOf } from './meaning.ts';
import { type CapturedFrame, PcapReader } from './pcap.ts';

/** A capture as tcpdump writes it, of 0x61 0x62 from 10.0.1.2:5000 to 11.0.0.1:3478. */
const HEADER = 'd4c3b2a1 0200 0400 00000000 00000000 90010000 01000000';
const FRAME = '80aa3065 2a000000 2e000000 2e000000';
const IPV4 =
  '020000000001 020000000002 0800 4500001e00004000 4011 0000 0a000102 0b000001 1388 0d96 000a 0000 6162 0000';
const CAPTURE = bytes(`${HEADER} ${FRAME} ${IPV4}`);

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

function readAll(chunks: readonly Uint8Array[]): CapturedFrame[] {
  const reader = new PcapReader();
  return chunks.flatMap((chunk) => reader.push(chunk));
}

function swapped(capture: Uint8Array): Uint8Array {
  const copy = capture.slice();
  const view = new DataView(copy.buffer);
  for (const offset of [0, 16, 20, 24, 28, 32, 36]) view.setUint32(offset, view.getUint32(offset, true));
  return copy;
}

describe('a capture', () => {
  test('is cut into frames with their times', () => {
    expect(readAll([CAPTURE])).toEqual([{ atUs: 0x6530aa80 * 1e6 + 42, bytes: bytes(IPV4) }]);
  });

  test('is read on machines of either byte order', () => {
    expect(readAll([swapped(CAPTURE)])).toEqual(readAll([CAPTURE]));
  });

  test('may come in pieces of any size', () => {
    const two = new Uint8Array([...CAPTURE, ...CAPTURE.subarray(24)]);
    fc.assert(
      fc.property(fc.array(fc.nat(two.length)), (cuts) => {
        const ends = [...cuts.sort((a, b) => a - b), two.length];
        const chunks = ends.map((end, index) => two.subarray(ends[index - 1] ?? 0, end));
        if (readAll(chunks).length !== 2) throw new Error('not two frames');
      }),
    );
  });

  test.each([
    ['another format', `0a0d0d0a ${HEADER.slice(9)}`, 'no capture with microseconds'],
    ['another kind of frames', HEADER.replace(/01000000$/, '71000000'), 'no capture of Ethernet'],
    [
      'a length that no frame has',
      `${HEADER} 00000000 00000000 ffffffff ffffffff`,
      'cannot have 4294967295 bytes',
    ],
  ])('%s is refused', (_, hex, sentence) => {
    expect(() => readAll([bytes(hex)])).toThrow(sentence);
  });

  test('any bytes are frames, or refused with a sentence', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (noise, isCapture) => {
        try {
          readAll([isCapture ? new Uint8Array([...CAPTURE, ...noise]) : noise]);
        } catch (error) {
          if (!/^(This is no capture|A captured frame)/.test(String((error as Error).message))) throw error;
        }
      }),
    );
  });
});

describe('a frame', () => {
  test('of UDP over IPv4 is a datagram, without its padding', () => {
    expect(readDatagram(bytes(IPV4))).toEqual({
      source: '10.0.1.2:5000',
      target: '11.0.0.1:3478',
      sizeBytes: 2,
      payload: bytes('6162'),
    });
  });

  test('of UDP over IPv6 is one as well', () => {
    const frame = bytes(
      `020000000001 020000000002 86dd 60000000 000a 11 40 20010db8000100000000000000000002 20010db8000000000000000000000001 1388 0d96 000a 0000 6162`,
    );
    expect(readDatagram(frame)).toMatchObject({
      source: '[2001:db8:1::2]:5000',
      target: '[2001:db8::1]:3478',
    });
  });

  test('that was cut short keeps what is there', () => {
    const long = bytes(IPV4.replace('000a 0000 6162 0000', '0108 0000 6162'));
    expect(readDatagram(long)).toMatchObject({ sizeBytes: 256, payload: bytes('6162') });
  });

  test.each([
    ['of ARP', IPV4.replace('0800 45', '0806 45')],
    ['of TCP', IPV4.replace('4011', '4006')],
    ['that is a later fragment', IPV4.replace('4500001e00004000', '4500001e00000010')],
    ['whose IP header is shorter than any', IPV4.replace('0800 45', '0800 44')],
    ['whose UDP length is shorter than its header', IPV4.replace('000a 0000 6162', '0007 0000 6162')],
    ['that ends in the UDP header', IPV4.slice(0, -19)],
    ['of nothing', ''],
  ])('%s is none', (_, hex) => {
    expect(readDatagram(bytes(hex))).toBeNull();
  });

  test('any bytes are a datagram no longer than they are, or none', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.uint8Array({ maxLength: 80 }), (kept, noise) => {
        const frame = new Uint8Array([...bytes(IPV4).subarray(0, kept), ...noise]);
        const datagram = readDatagram(frame);
        if (datagram === null) return;
        if (datagram.payload.length > Math.min(frame.length, datagram.sizeBytes)) throw new Error('too long');
        meaningOf(datagram.payload);
      }),
    );
  });
});

describe('a payload', () => {
  test.each([
    ['16fefd00000000000000000000', 'handshake'],
    ['14fefd00000000000000050001', 'handshake'],
    ['17fefd00010000000000010020', 'data'],
    ['2e', 'handshake'], // DTLS 1.3, epoch 2
    ['2f', 'data'], // epoch 3
    ['80', 'other'], // RTP
    ['40', 'other'], // TURN's channel data
    ['0001', 'other'], // no whole STUN message
    ['0b01000021 12a442', 'other'],
    ['', 'other'],
  ])('that begins with %s is %s', (hex, kind) => {
    expect(meaningOf(bytes(hex))).toEqual({ kind });
  });

  test('any bytes have a meaning', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => {
        if (typeof meaningOf(noise).kind !== 'string') throw new Error('none');
      }),
    );
  });
});
