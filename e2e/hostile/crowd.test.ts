import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import type { TransferErrorCode } from '#protocol/errors.ts';
import { linkSecret, parseLink } from '#protocol/handshake/link.ts';
import { encodeFrame } from '#protocol/lane-message.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { type SignalingServer, startSignaling } from '#signaling/server.ts';
import type { DataChannelLane } from '#transport/data-channel-lane.ts';
import type { Platform } from '#transport/platform.ts';
import type { RawPeer } from '#transport/testing/raw-peer.ts';
import type { TransferState } from '#transport/transfer-status.ts';
import { eventually, HonestReceiver, HonestSender } from './honest-peers.ts';
import { type Rogue, rogueReceiver } from './rogue-peers.ts';

/** One share, receivers of every kind at the same time, over real connections: those who keep to the rules are served. */

let server: SignalingServer;
beforeAll(async () => {
  server = await startSignaling({ host: '127.0.0.1', port: 0, stun: { port: 3478 } });
});
afterAll(() => server.close());

const FILES = [
  { path: 'small', content: randomBytes(100) },
  { path: 'large', content: randomBytes(24 * BLOCK_BYTES + 1) },
];
const TOTAL = FILES.reduce((sum, { content }) => sum + content.length, 0);

/** Node's platform, and the data channels that it makes. */
function tapped(): { platform: Platform; channels: RTCDataChannel[] } {
  const node = nodePlatform();
  const channels: RTCDataChannel[] = [];
  const platform: Platform = {
    ...node,
    createPeerConnection: (configuration) => {
      const connection = node.createPeerConnection(configuration);
      const create = connection.createDataChannel.bind(connection);
      connection.createDataChannel = (label, options) => {
        const channel = create(label, options);
        channels.push(channel);
        return channel;
      };
      return connection;
    },
  };
  return { platform, channels };
}

const tap = tapped();
const CHOICE = { type: 'choice', files: 2, totalBytes: TOTAL, heldBytes: 0 };
const EVERYTHING = { type: 'request', ranges: [[1, 0, 25]], roots: [1] };

interface Misfit {
  readonly what: string;
  readonly options?: Parameters<typeof rogueReceiver>[2];
  readonly act: (peer: RawPeer) => void | Promise<void>;
  /** What the sender makes of it, in time or when the share ends. */
  readonly found: TransferErrorCode | TransferState;
}

const MISFITS: Misfit[] = [
  {
    what: 'opens a second channel',
    act: async (peer) => {
      peer.prove();
      await peer.hear('manifest');
      (peer.lane as DataChannelLane).connection.createDataChannel('second');
    },
    found: 'connection-lost',
  },
  {
    what: 'writes text',
    options: { platform: tap.platform },
    act: async (peer) => {
      peer.prove();
      await peer.hear('manifest');
      tap.channels[0]?.send('hello');
    },
    found: 'protocol-violation',
  },
  {
    what: 'sends frames',
    act: (peer) => {
      peer.prove();
      for (let i = 0; i < 20; i += 1) peer.send(encodeFrame(0, i * 1000, new Uint8Array(1000), null));
    },
    found: 'protocol-violation',
  },
  {
    what: 'asks for everything a thousand times',
    act: async (peer) => {
      peer.prove();
      peer.say(CHOICE);
      for (let i = 0; i < 200; i += 1)
        peer.say({ type: 'request', ranges: Array(512).fill([1, 0, 25]), roots: Array(512).fill(1) });
    },
    found: 'protocol-violation',
  },
  {
    what: 'asks for everything and acknowledges nothing',
    act: (peer) => {
      peer.acknowledges = false;
      peer.prove();
      peer.say(CHOICE, EVERYTHING);
    },
    found: 'cancelled',
  },
  {
    what: 'vanishes in the middle',
    act: async (peer) => {
      peer.prove();
      peer.say(CHOICE, EVERYTHING);
      await peer.until(() => peer.heard.some(({ kind }) => kind === 'frame'));
      peer.lane.close();
    },
    found: 'connection-lost',
  },
  { what: 'proves nothing', act: () => {}, found: 'cancelled' },
  {
    what: 'declines',
    act: async (peer) => {
      peer.prove();
      peer.say({ type: 'bye', code: 'declined' });
      await peer.closed();
    },
    found: 'declined',
  },
];

test('those who keep to the rules are served, whoever else is there', async () => {
  const sender = await HonestSender.start(server.url, { files: FILES });
  const secret = linkSecret(parseLink(sender.sharing.link).k);
  const rogues: Rogue[] = [];
  const misbehaving = MISFITS.map(async ({ act, options }) => {
    const rogue = rogueReceiver(server.url, secret, options);
    rogues.push(rogue);
    await act(await rogue.peer);
  });
  const honest = [
    new HonestReceiver(server.url, sender.sharing.link),
    new HonestReceiver(server.url, sender.code),
  ];
  await Promise.all(misbehaving);
  honest.push(new HonestReceiver(server.url, sender.sharing.link));
  for (const receiver of honest) {
    expect(await receiver.outcome()).toBe('done');
    expect(receiver.hasSaved(FILES)).toBe(true);
  }
  const inTime = MISFITS.map(({ found }) => found).filter((found) => found !== 'cancelled');
  const ended = [...inTime, 'done', 'done', 'done'].sort();
  await eventually(() =>
    expect(sender.outcomes.filter((outcome) => ended.includes(outcome)).sort()).toEqual(ended),
  );
  await sender.sharing.close();
  await eventually(() => expect(sender.outcomes.sort()).toEqual([...ended, 'cancelled', 'cancelled'].sort()));
  for (const rogue of rogues) {
    rogue.leave();
    (await rogue.peer).lane.close();
  }
});

test.each<[string, (sdp: string) => string]>([
  ['video', (sdp) => `${sdp}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n`],
  ['two certificates', (sdp) => sdp.replace(/(a=fingerprint:sha-256 )(..)/, '$1AA:BB\r\n$1$2')],
  ['no certificate', (sdp) => sdp.replace(/a=fingerprint.*\r\n/, '')],
  ['nothing', () => ''],
  ['what nobody can read', () => 'x'.repeat(8000)],
])('whoever offers %s gets no lane, and the next is served', async (_, describe) => {
  const sender = await HonestSender.start(server.url);
  const secret = linkSecret(parseLink(sender.sharing.link).k);
  const rogue = rogueReceiver(server.url, secret, { describe });
  const receiver = new HonestReceiver(server.url, sender.sharing.link);
  expect(await receiver.outcome()).toBe('done');
  await eventually(() => expect(sender.outcomes).toEqual(['done']));
  rogue.leave();
  await sender.sharing.close();
});
