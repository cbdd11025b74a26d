import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { codeSecret, parseCode } from '#protocol/handshake/code.ts';
import { linkSecret, parseLink } from '#protocol/handshake/link.ts';
import { OwnerKey } from '#protocol/handshake/owner-key.ts';
import { otherRole, type Role } from '#protocol/handshake/role.ts';
import type { Secret } from '#protocol/handshake/secret.ts';
import { encodeControl, encodeFrame, encodePing, encodeProof } from '#protocol/lane-message.ts';
import { type SignalingServer, startSignaling } from '#signaling/server.ts';
import { Deferred } from '#transport/deferred.ts';
import { withoutCandidates } from '#transport/description.ts';
import type { PeerConnection, Platform } from '#transport/platform.ts';
import type { RawPeer } from '#transport/testing/raw-peer.ts';
import { eventually, FILES, HonestReceiver, HonestSender } from './honest-peers.ts';
import { type Rogue, rogueReceiver, rogueSender } from './rogue-peers.ts';

/** Peers with the right keys on a connection that is not the one their keys speak of. */

let server: SignalingServer;
beforeAll(async () => {
  server = await startSignaling({ host: '127.0.0.1', port: 0, stun: { port: 3478 } });
});
afterAll(() => server.close());

type Finished = Pick<TestContext, 'onTestFinished'>;

/** Ends what a test began, though others run beside it. */
function endAfter({ onTestFinished }: Finished, rogue: Rogue): Rogue {
  onTestFinished(async () => {
    rogue.leave();
    await rogue.peer.then(
      ({ lane }) => lane.close(),
      () => {},
    );
  });
  return rogue;
}

async function startSender({ onTestFinished }: Finished, platform?: Platform): Promise<HonestSender> {
  const sender = await HonestSender.start(server.url, platform && { platform });
  onTestFinished(() => sender.sharing.close());
  return sender;
}

const secretOf = (sender: HonestSender, by: 'link' | 'code'): Secret =>
  by === 'link' ? linkSecret(parseLink(sender.sharing.link).k) : codeSecret(parseCode(sender.code));

const OTHER = new Uint8Array(32).fill(7);
const control = (document: unknown) => encodeControl(0, new TextEncoder().encode(JSON.stringify(document)));

/** What a hostile peer may try in place of its proof. */
const OPENINGS: [string, (peer: RawPeer) => void | Promise<void>][] = [
  [
    'proves itself for another sender’s certificate',
    (peer) => peer.prove({ ...peer.fingerprints, sender: OTHER }),
  ],
  [
    'proves itself for another receiver’s certificate',
    (peer) => peer.prove({ ...peer.fingerprints, receiver: OTHER }),
  ],
  [
    'proves itself with the certificates exchanged',
    (peer) => peer.prove({ sender: peer.fingerprints.receiver, receiver: peer.fingerprints.sender }),
  ],
  [
    'says our own proof',
    async (peer) => {
      await peer.until(() => peer.heard.length > 0);
      const [own] = peer.heard;
      if (own?.kind === 'proof') peer.send(encodeProof(own.proof));
    },
  ],
  ['says a proof of zeros', (peer) => peer.send(encodeProof(new Uint8Array(32)))],
  ['pings first', (peer) => peer.send(encodePing('ping', 1))],
  ['sends a frame first', (peer) => peer.send(encodeFrame(0, 0, new Uint8Array(10), null))],
  ['asks first', (peer) => peer.send(control({ type: 'pages', first: 0, count: 1 }))],
  ['offers first', (peer) => peer.send(control({ type: 'manifest', entries: 1, pages: 1, totalBytes: 0 }))],
  ['says garbage first', (peer) => peer.send(Uint8Array.from(randomBytes(500)))],
];

describe.concurrent('a receiver with the right keys that', () => {
  test.for(OPENINGS)('%s is refused, and no name leaves the sender', async ([what, open], context) => {
    const sender = await startSender(context);
    const by = what.startsWith('proves') ? 'code' : 'link';
    const { peer: meeting } = endAfter(context, rogueReceiver(server.url, secretOf(sender, by)));
    const peer = await meeting;
    await open(peer);
    await peer.closed();
    await eventually(() => expect(sender.outcomes).toEqual(['tampered']));
    expect(peer.heard.filter(({ kind }) => kind !== 'proof')).toEqual([]);
    expect(sender.states.has('transferring')).toBe(false);
  });
});

describe.concurrent('a sender with the right keys that', () => {
  test.for(OPENINGS)('%s is refused, and nothing that it offers is looked at', async ([, open], context) => {
    const owner = new OwnerKey(Uint8Array.from(randomBytes(32)));
    const { peer: meeting } = endAfter(context, rogueSender(server.url, linkSecret(owner.k), owner));
    const link = `${server.url}#${Buffer.from(owner.k).toString('base64url')}`;
    const receiver = new HonestReceiver(server.url, link);
    const peer = await meeting;
    await open(peer);
    expect(await receiver.outcome()).toBe('tampered');
    await peer.closed();
    expect(peer.heard.filter(({ kind }) => kind !== 'proof')).toEqual([]);
    expect(receiver.sink.calls).toEqual([]);
  });
});

/**
 * Stands between two connections: whatever descriptions the peers say to each other, sealed and unchanged, each of them
 * is connected to this one instead, which hands on every message. As if the descriptions had been changed after they were opened.
 */
class Between {
  readonly platforms: { readonly sender: Platform; readonly receiver: Platform };
  /** What crossed it. */
  readonly carried: Uint8Array[] = [];
  readonly #node = nodePlatform();
  readonly #connections: PeerConnection[] = [];
  readonly #heard = { sender: new Deferred<RTCDataChannel>(), receiver: new Deferred<RTCDataChannel>() };

  constructor() {
    this.platforms = { sender: this.#platformOf('sender'), receiver: this.#platformOf('receiver') };
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** A peer's platform: what the peer is told is the other's description becomes that of this end. */
  #platformOf(role: Role): Platform {
    const createPeerConnection: Platform['createPeerConnection'] = (configuration) => {
      const connection = this.#node.createPeerConnection(configuration);
      const near = this.#node.createPeerConnection({ iceServers: [] });
      this.#connections.push(connection, near);
      const passCandidates = heldCandidates(near, connection);
      const apply = connection.setRemoteDescription.bind(connection);
      const setLocal = connection.setLocalDescription.bind(connection);
      connection.addIceCandidate = async () => {};
      connection.setRemoteDescription = async ({ type }) => {
        if (type === 'answer') await near.setRemoteDescription(descriptionOf(connection));
        this.#open(role, near);
        if (type === 'answer') await near.setLocalDescription(await near.createAnswer());
        else await near.setLocalDescription(await near.createOffer());
        await apply(descriptionOf(near));
        if (type === 'answer') passCandidates();
      };
      connection.setLocalDescription = async (description) => {
        await setLocal(description);
        if (description?.type !== 'answer') return;
        await near.setRemoteDescription(descriptionOf(connection));
        passCandidates();
      };
      return connection;
    };
    return { ...this.#node, createPeerConnection };
  }

  /** Hands on what comes at this end to the other: only when both have said something, so that neither leaves before. */
  #open(role: Role, near: PeerConnection): void {
    const channel = near.createDataChannel('sallyport', { negotiated: true, id: 0 });
    channel.binaryType = 'arraybuffer';
    channel.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
      this.carried.push(new Uint8Array(data));
      this.#heard[role].resolve(channel);
      void this.#heard[otherRole(role)].promise.then((other) => other.send(new Uint8Array(data)));
    });
  }
}

function descriptionOf({ localDescription }: PeerConnection): RTCSessionDescriptionInit {
  if (!localDescription) throw new Error('not described yet');
  return { type: localDescription.type, sdp: withoutCandidates(localDescription.sdp) };
}

/** Holds the candidates of two connections back until both are described; @returns what lets them go */
function heldCandidates(a: PeerConnection, b: PeerConnection): () => void {
  const flows = [
    [a, b],
    [b, a],
  ] as const;
  const described = new Deferred<void>();
  for (const [from, to] of flows) {
    const add = to.addIceCandidate.bind(to);
    from.addEventListener('icecandidate', ({ candidate }) => {
      const init = {
        candidate: candidate?.candidate.replace(/^a=/, '') ?? '',
        sdpMid: '0',
        sdpMLineIndex: 0,
      };
      if (init.candidate) void described.promise.then(() => add(init)).catch(() => {});
    });
  }
  return () => described.resolve();
}

test.for(['link', 'code'] as const)(
  'somebody between two connections, each of which stands, is found out by both before a name is said: by %s',
  async (by, context) => {
    const between = new Between();
    context.onTestFinished(() => between.close());
    const sender = await startSender(context, between.platforms.sender);
    const receiver = new HonestReceiver(server.url, sender.target(by), {
      platform: between.platforms.receiver,
    });
    expect(await receiver.outcome()).toBe('tampered');
    await eventually(() => expect(sender.outcomes).toEqual(['tampered']));
    expect(receiver.sink.calls).toEqual([]);
    // The proofs crossed, and nothing else.
    expect(between.carried.map(({ length }) => length)).toEqual([33, 33]);
  },
);

test('whoever comes after one who was refused is served', async (context) => {
  const sender = await startSender(context);
  const { peer } = endAfter(context, rogueReceiver(server.url, secretOf(sender, 'link')));
  (await peer).send(encodePing('ping', 1));
  const receiver = new HonestReceiver(server.url, sender.sharing.link);
  expect(await receiver.outcome()).toBe('done');
  expect(receiver.hasSaved(FILES)).toBe(true);
  await eventually(() => expect(sender.outcomes.sort()).toEqual(['done', 'tampered']));
});
