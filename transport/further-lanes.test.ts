import { expect, onTestFinished, test, vi } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import {
  decodeReceiverMessage,
  decodeSenderMessage,
  type ReceiverMessage,
  type SenderMessage,
} from '#protocol/control-message.ts';
import { pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import { MAX_LANES } from '#protocol/limits.ts';
import { FurtherLanes } from './further-lanes.ts';
import type { NegotiationPayload } from './lane-negotiation.ts';
import { MAX_OFFERED_LANES } from './limits.ts';
import type { PeerConnection } from './platform.ts';
import { ReceiveDriver } from './receive-driver.ts';
import { Session } from './session.ts';
import { pairedLanes } from './testing/memory-lane.ts';
import { connected, RawPeer } from './testing/raw-peer.ts';
import { TransferProgress } from './transfer-progress.ts';

const PATIENT = { timeout: 10_000 };

/** The two sessions of one run, with a lane in memory between them. */
function pairedSessions() {
  const keys = pairedRun();
  const reach = { platform: nodePlatform(), iceServers: [] };
  const handlers = {
    onFrame: () => {},
    onReceipt: () => {},
    onLane: () => {},
    onLaneLost: () => {},
    onRoute: () => {},
    onSilence: () => {},
    onEnd: () => {},
  };
  const sender = new Session<ReceiverMessage>(keys.sender, reach, {
    ...handlers,
    decode: decodeReceiverMessage,
    onControl: () => {},
  });
  const receiver = new Session<SenderMessage>(keys.receiver, reach, {
    ...handlers,
    decode: decodeSenderMessage,
    onControl: (message) => {
      if (message.type === 'lanes') receiver.widen(message.count);
    },
  });
  onTestFinished(async () => {
    await Promise.all([sender.end('cancelled', null), receiver.end('cancelled', null)]);
  });
  const [near, far] = pairedLanes();
  sender.add(connected(near));
  receiver.add(connected(far));
  return { sender, receiver };
}

test('lanes that a sender wants are offered, answered and proven, and others in place of those that close', async () => {
  const { sender, receiver } = pairedSessions();
  const standing = (count: number) =>
    vi.waitFor(() => {
      expect(sender.lanes.length).toBe(count);
      expect(receiver.lanes.length).toBe(count);
    }, PATIENT);
  sender.say({ type: 'lanes', count: 3 });
  await standing(3);
  expect(sender.lanes.map(({ id }) => id).sort()).toEqual(['0', '1', '2']);
  // What is said about lanes needs none in particular.
  sender.lanes[0]?.close();
  await standing(2);
  sender.say({ type: 'lanes', count: 4 });
  await standing(4);
  expect(new Set(receiver.lanes.map(({ id }) => id))).toEqual(new Set(['1', '2', '3', '4']));
});

test('a receiver that offers without end is answered for so many lanes and no more', async () => {
  const made: PeerConnection[] = [];
  const node = nodePlatform();
  const platform = {
    ...node,
    createPeerConnection: (configuration: RTCConfiguration) => {
      const connection = node.createPeerConnection(configuration);
      made.push(connection);
      return connection;
    },
  };
  const offers: NegotiationPayload[] = [];
  const offering = new FurtherLanes(
    { platform: node, iceServers: [] },
    (said) => void offers.push(said),
    () => {},
  );
  offering.offer(1);
  await vi.waitFor(() => expect(offers.length).toBeGreaterThan(0));
  const answering = new FurtherLanes(
    { platform, iceServers: [] },
    () => {},
    () => {},
  );
  onTestFinished(() => {
    offering.close();
    answering.close();
  });
  const [offer] = offers as [NegotiationPayload];
  for (let i = 0; i < 3 * MAX_LANES; i += 1) answering.hear('sender', { ...offer, lane: `${i}` }, 1);
  // The same again is no other lane.
  answering.hear('sender', offer, 1);
  expect(answering.making).toBe(MAX_LANES - 1);
  await vi.waitFor(() => expect(made.length).toBe(MAX_LANES - 1));
});

test('a sender that wants lanes again and again gets so many in all', () => {
  let made = 0;
  const platform = {
    ...nodePlatform(),
    createPeerConnection: (): PeerConnection => {
      made += 1;
      throw new Error('no more sockets');
    },
  };
  const lanes = new FurtherLanes(
    { platform, iceServers: [] },
    () => {},
    () => {},
  );
  for (let i = 0; i < 100; i += 1) lanes.offer(MAX_LANES - 1);
  expect(made).toBe(MAX_OFFERED_LANES);
});

test('a sender that offers a lane is not following the protocol', async () => {
  const { sender, receiver } = pairedRun();
  const [far, own] = pairedLanes();
  const peer = new RawPeer(connected(far), sender);
  const driver = new ReceiveDriver(
    receiver,
    { platform: nodePlatform(), iceServers: [] },
    new TransferProgress(
      () => 0,
      () => {},
    ),
  );
  driver.session.add(connected(own));
  peer.prove();
  peer.say({ type: 'lane', payload: { type: 'offer', lane: '1', sdp: 'v=0' } });
  expect(await peer.hear('bye')).toEqual({ type: 'bye', code: 'protocol-violation' });
});
