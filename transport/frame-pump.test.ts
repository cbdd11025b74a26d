import { randomBytes } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import { decodeLaneMessage } from '#protocol/lane-message.ts';
import { FRAME_UNIT_BYTES } from '#protocol/limits.ts';
import { FramePump } from './frame-pump.ts';
import { MemorySource } from './testing/memory-files.ts';
import { type MemoryLane, pairedLanes } from './testing/memory-lane.ts';
import { MemoryTransfer } from './testing/memory-transfer.ts';
import { WatchedSink } from './testing/watched-sink.ts';

const MIB = 1024 * 1024;

async function setUp(lanes: number) {
  const content = new Uint8Array(randomBytes(12 * MIB));
  const transfer = new MemoryTransfer(
    nodePlatform(),
    pairedRun(),
    new MemorySource([{ path: 'film', content }]),
  );
  const added = Array.from({ length: lanes }, () => transfer.addLane());
  await transfer.receiver.offer;
  const sink = new WatchedSink();
  const expectArrived = () => {
    expect(Buffer.compare(sink.files.get('film') ?? Buffer.alloc(0), content)).toBe(0);
    expect(sink.offences).toEqual([]);
  };
  return { transfer, added, sink, expectArrived };
}

/** A pump with so many blocks of one file, and the units of them that have come on a lane that reports at once. */
function pumpTo(far: MemoryLane, near: MemoryLane, blocks: number) {
  const content = new Uint8Array(randomBytes(blocks * MIB));
  const left = Array.from({ length: blocks }, (_, index) => ({
    entry: 0,
    index,
    bytes: content.slice(index * MIB, (index + 1) * MIB),
    leaf: new Uint8Array(32),
  }));
  const pump = new FramePump({
    next: () => {
      const block = left.shift();
      return block && Promise.resolve(block);
    },
    // Whoever reads the next block into it writes over what was in it.
    onSpent: ({ bytes }) => void bytes.fill(0),
    isPaused: () => false,
    onDry: () => {},
    onSent: () => {},
    onLook: () => {},
    nowMs: () => performance.now(),
  });
  const offsets = new Set<number>();
  let bytes = 0;
  far.attach(
    (message) => {
      const frame = decodeLaneMessage(message);
      if (frame.kind === 'frame') {
        const { offset, payload } = frame;
        expect(Buffer.compare(payload, content.subarray(offset, offset + payload.length))).toBe(0);
        for (let at = 0; at < payload.length; at += FRAME_UNIT_BYTES) offsets.add(offset + at);
      }
      bytes += message.length;
      pump.arrived(near, bytes);
    },
    () => {},
  );
  const allCame = () => expect(offsets.size).toBe((blocks * MIB) / FRAME_UNIT_BYTES);
  return { pump, allCame };
}

test('what a lane holds back for long goes out on another as well', async () => {
  const [quick, quickFar] = pairedLanes('quick');
  const [slow] = pairedLanes('slow');
  slow.hold();
  const { pump, allCame } = pumpTo(quickFar, quick, 4);
  pump.add(slow);
  pump.add(quick);
  const running = pump.run();
  await vi.waitFor(allCame, { timeout: 5_000 });
  expect(slow.bufferedBytes).toBeGreaterThan(0);
  pump.stop();
  await running;
});

test('what a channel still has when it is put to rest beside TCP, and does not bring, goes out over TCP', async () => {
  const [tcp, tcpFar] = pairedLanes('tcp', 'tcp');
  const [channel] = pairedLanes('channel');
  channel.hold();
  const { pump, allCame } = pumpTo(tcpFar, tcp, 2);
  pump.add(channel);
  const running = pump.run();
  await vi.waitFor(() => expect(channel.bufferedBytes).toBeGreaterThan(0));
  pump.add(tcp);
  await vi.waitFor(allCame, { timeout: 5_000 });
  expect(channel.bufferedBytes).toBeGreaterThan(0);
  expect(channel.closedBecause).toBeNull();
  pump.stop();
  await running;
});

test('frames that were held back and come after all, twice and too late, change nothing', async () => {
  const { transfer, added, sink, expectArrived } = await setUp(2);
  const [, slow] = added;
  slow?.sender.hold();
  const fetching = transfer.fetch([0], sink);
  await vi.waitFor(() => expect(transfer.received.at(-1)?.bytes).toBeGreaterThan(6 * MIB));
  slow?.sender.release();
  await fetching;
  expectArrived();
});

test('lanes that die one after the other cost no byte that has arrived', async () => {
  const { transfer, added, sink, expectArrived } = await setUp(4);
  const fetching = transfer.fetch([0], sink);
  for (const [i, { sender, receiver }] of added.slice(1).entries()) {
    await vi.waitFor(() => expect(transfer.received.at(-1)?.bytes).toBeGreaterThan((2 + 2 * i) * MIB));
    sender.drop('gone');
    receiver.drop('gone');
  }
  await fetching;
  expectArrived();
});
