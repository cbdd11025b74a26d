import { afterEach, describe, expect, test } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { ProtocolViolation } from '#protocol/errors.ts';
import { LaneNegotiation, type NegotiationPayload } from './lane-negotiation.ts';
import { MAX_REMOTE_CANDIDATES } from './limits.ts';
import type { PeerConnection, Platform } from './platform.ts';
import { connectPair, negotiatePair, type OnTheWay } from './testing/paired-connections.ts';

/** Node's platform, and every connection that it made. */
function watchedPlatform(): { platform: Platform; connections: PeerConnection[] } {
  const node = nodePlatform();
  const connections: PeerConnection[] = [];
  const platform: Platform = {
    ...node,
    createPeerConnection: (configuration) => {
      const connection = node.createPeerConnection(configuration);
      connections.push(connection);
      open.push(connection);
      return connection;
    },
  };
  return { platform, connections };
}

const open: PeerConnection[] = [];
afterEach(() => {
  for (const connection of open.splice(0)) connection.close();
});

const setup = (platform: Platform, said: NegotiationPayload[] = []) => ({
  platform,
  iceServers: [],
  say: (payload: NegotiationPayload) => void said.push(payload),
});

/** What a receiver with its own connection offers. */
async function offerOf(): Promise<Extract<NegotiationPayload, { type: 'offer' }>> {
  const said: NegotiationPayload[] = [];
  await LaneNegotiation.offer('0', setup(watchedPlatform().platform, said));
  const [offer] = said;
  if (offer?.type !== 'offer') throw new Error('no offer');
  return offer;
}

test('both sides come to bind the same certificates, each its own', async () => {
  const { platform } = watchedPlatform();
  const { receiver, sender } = await connectPair(platform);
  expect(receiver.fingerprints).toEqual(sender.fingerprints);
  expect(receiver.fingerprints.sender).not.toEqual(receiver.fingerprints.receiver);
  expect([receiver.lane.id, sender.lane.id]).toEqual(['0', '0']);
  expect([await receiver.viewRoute(), await sender.viewRoute()]).toEqual(['lan', 'lan']);
});

test('no candidate is named before the other side can use it, and none in a description', async () => {
  const { platform } = watchedPlatform();
  const said: string[] = [];
  const watch: OnTheWay = (payload) => {
    said.push(payload.type);
    if ('sdp' in payload) expect(payload.sdp).not.toMatch(/candidate:/);
    return [payload];
  };
  const { receiver } = await negotiatePair({ receiver: platform, sender: platform }, watch);
  await receiver.connected;
  expect(said.slice(0, 2)).toEqual(['offer', 'answer']);
  expect(said).toContain('candidate');
});

describe('an offer that cannot be taken up leaves no connection behind:', () => {
  const sdp = (change: (sdp: string) => string) => async () => {
    const offer = await offerOf();
    return { ...offer, sdp: change(offer.sdp) };
  };
  test.each<[string, () => Promise<Extract<NegotiationPayload, { type: 'offer' }>>]>([
    ['empty', sdp(() => '')],
    ['garbage', sdp(() => 'a'.repeat(8192))],
    ['without fingerprint', sdp((text) => text.replace(/a=fingerprint.*\r\n/, ''))],
    ['with two fingerprints', sdp((text) => text.replace(/(a=fingerprint:sha-256 )(..)/, '$1AA:$2'))],
    [
      'with video',
      sdp((text) => `${text}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n`),
    ],
    ['without ICE credentials', sdp((text) => text.replace(/a=ice-(ufrag|pwd).*\r\n/g, ''))],
    ['of no section', sdp((text) => text.replace(/m=application[\s\S]*/, ''))],
  ])('%s', async (_, offered) => {
    const offer = await offered();
    const { platform, connections } = watchedPlatform();
    const said: NegotiationPayload[] = [];
    await expect(LaneNegotiation.answer(offer, setup(platform, said))).rejects.toThrow(ProtocolViolation);
    expect(connections.map(({ connectionState }) => connectionState)).toEqual(['closed']);
    expect(said.filter(({ type }) => type === 'answer')).toEqual([]);
  });
});

describe('a negotiation fails by', () => {
  test.each<[string, (answer: NegotiationPayload, offer: NegotiationPayload) => NegotiationPayload[]]>([
    ['an answer said twice', (answer) => [answer, answer]],
    ['an offer back', (_, offer) => [offer]],
    ['an answer without fingerprint', (answer) => [{ ...answer, sdp: 'v=0\r\n' } as NegotiationPayload]],
  ])('%s', async (_, change) => {
    const { platform, connections } = watchedPlatform();
    let offer: NegotiationPayload | null = null;
    const { receiver } = await negotiatePair({ receiver: platform, sender: platform }, (payload) => {
      if (payload.type === 'offer') offer = payload;
      return payload.type === 'answer' && offer ? change(payload, offer) : [payload];
    });
    await expect(receiver.connected).rejects.toThrow(ProtocolViolation);
    expect(connections[0]?.connectionState).toBe('closed');
  });

  test('a lane that carries only small messages', async () => {
    const { platform } = watchedPlatform();
    const { receiver, sender } = await negotiatePair({ receiver: platform, sender: platform }, (payload) =>
      payload.type === 'offer'
        ? [{ ...payload, sdp: payload.sdp.replace(/max-message-size:\d+/, 'max-message-size:45') }]
        : [payload],
    );
    await expect((await sender).connected).rejects.toThrow('a lane for messages of 45 bytes');
    // It stood here for a moment, or was closed from there before it did.
    await receiver.connected.then(
      ({ lane }) => lane.close(),
      () => {},
    );
  });

  test('being abandoned, after which nothing stays open', async () => {
    const { platform, connections } = watchedPlatform();
    const { receiver } = await negotiatePair({ receiver: platform, sender: platform }, () => []);
    receiver.abandon();
    await expect(receiver.connected).rejects.toMatchObject({ code: 'cancelled' });
    expect(connections[0]?.connectionState).toBe('closed');
  });
});

test('a peer that names candidates without end is heard to a bound', async () => {
  const added: string[] = [];
  const { platform } = watchedPlatform();
  const counting: Platform = {
    ...platform,
    createPeerConnection: (configuration) => {
      const connection = platform.createPeerConnection(configuration);
      connection.addIceCandidate = async (init) => {
        added.push(init?.candidate ?? '');
        throw new Error('refused');
      };
      return connection;
    },
  };
  const negotiation = await LaneNegotiation.answer(await offerOf(), setup(counting));
  for (let port = 1; port <= 500; port += 1) {
    await negotiation.hear({
      type: 'candidate',
      lane: '0',
      candidate: `candidate:1 1 UDP 1 192.0.2.1 ${port} typ host`,
      sdpMid: '0',
      sdpMLineIndex: 0,
    });
  }
  expect(added).toHaveLength(MAX_REMOTE_CANDIDATES);
  negotiation.abandon();
});
