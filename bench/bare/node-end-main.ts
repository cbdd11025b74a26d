import { type DataChannel, PeerConnection } from 'node-datachannel';
import type { Load, Moved } from './channel.ts';
import type { Order, Reply } from './node-end.ts';

/** The process of a bare end: it is told what to do by the one that started it. */

const MESSAGE_BYTES = 64 * 1024;
const HIGH_WATER_BYTES = 4 * 1024 * 1024;
const LOW_WATER_BYTES = 1024 * 1024;

const connection = new PeerConnection('bare', { iceServers: [] });
/** Collecting a wrapper would close the live channel behind it. */
const kept: DataChannel[] = [];
let moved: Promise<Moved> | undefined;

// Its connection would keep it running without the one that started it.
process.once('disconnect', () => process.exit());
process.on('message', (order: Order) => {
  void obey(order).then((reply) => process.send?.(reply));
});

async function obey(order: Order): Promise<Reply> {
  switch (order.order) {
    case 'offer': {
      const gathered = allGathered();
      pump(connection.createDataChannel('bare', {}), order.load);
      await gathered;
      return connection.localDescription()?.sdp ?? '';
    }
    case 'answer': {
      const gathered = allGathered();
      moved = receive(order.load);
      connection.setRemoteDescription(order.offer, 'offer');
      await gathered;
      return connection.localDescription()?.sdp ?? '';
    }
    case 'accept':
      connection.setRemoteDescription(order.answer, 'answer');
      return '';
    case 'moved':
      return (await moved) ?? { bytes: 0, seconds: 0 };
  }
}

function allGathered(): Promise<void> {
  return new Promise((resolve) => {
    connection.onGatheringStateChange((state) => state === 'complete' && resolve());
  });
}

function pump(channel: DataChannel, load: Load): void {
  kept.push(channel);
  const message = new Uint8Array(MESSAGE_BYTES);
  let sent = 0;
  const fill = () => {
    while (sent < load.bytes && channel.isOpen() && channel.bufferedAmount() < HIGH_WATER_BYTES) {
      channel.sendMessageBinary(message);
      sent += MESSAGE_BYTES;
    }
  };
  channel.setBufferedAmountLowThreshold(LOW_WATER_BYTES);
  channel.onBufferedAmountLow(fill);
  channel.onOpen(fill);
}

function receive(load: Load): Promise<Moved> {
  return new Promise((resolve) => {
    connection.onDataChannel((channel) => {
      kept.push(channel);
      let bytes = 0;
      let startedMs = 0;
      channel.onMessage((message) => {
        const nowMs = performance.now();
        // The first message starts the clock and does not count.
        if (startedMs === 0) startedMs = nowMs;
        else bytes += (message as Buffer).byteLength;
        const seconds = (nowMs - startedMs) / 1000;
        if (bytes + MESSAGE_BYTES >= load.bytes || seconds >= load.seconds) resolve({ bytes, seconds });
      });
    });
  });
}
