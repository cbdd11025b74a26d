import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { tcpLaneMaker } from '#node-peer/tcp/tcp-lane-maker.ts';
import { secureConnection } from '#node-peer/tcp/tls-connection.ts';
import { LINK, pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import { otherRole, type Role } from '#protocol/handshake/role.ts';
import { type SignalingServer, startSignaling } from '#signaling/server.ts';
import { Deferred } from '#transport/deferred.ts';
import type { Platform } from '#transport/platform.ts';
import type { TcpLane } from '#transport/tcp-lanes.ts';
import { HonestReceiver, HonestSender } from './honest-peers.ts';

/** Whole deliveries between Node peers whose TCP ports strangers find before the peer does. */

const LOOPBACK = '127.0.0.1';
/** Another machine's, as far as the peers can tell. */
const STRANGER = '127.0.0.2';
/** More than there is credit for at once: some of it has to come over TCP. */
const FILES = [{ path: 'film', content: randomBytes(24 * 1024 * 1024 + 7) }];

let server: SignalingServer;
beforeAll(async () => {
  server = await startSignaling({ host: '127.0.0.1', port: 0, stun: { port: 3478 } });
});
afterAll(() => server.close());

/** What a stranger does at a peer of this role. @returns whether the stranger was taken for the other side */
type Approach = (socket: Socket, role: Role) => Promise<boolean>;

async function dial(port: number): Promise<Socket> {
  const socket = connect({ host: LOOPBACK, port, localAddress: STRANGER }).on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** A peer's platform, where a stranger is at its port before the other side is. */
function platformFound(approach: Approach) {
  const met = new Deferred<TcpLane>();
  const closed: Promise<unknown>[] = [];
  const taken: Promise<boolean>[] = [];
  let carriedBytes = 0;
  const maker = tcpLaneMaker({ isOneMachine: true });
  const platform: Platform = {
    ...nodePlatform(),
    tcp: {
      prepare: async (options) => {
        const point = await maker.prepare(options);
        const meet = point.meet.bind(point);
        point.meet = async (theirs, keys) => {
          const socket = await dial(point.addresses[0]?.port ?? 0);
          closed.push(new Promise((resolve) => socket.once('close', resolve)));
          taken.push(approach(socket, keys.role));
          const found = await meet(theirs, keys);
          const attach = found.lane.attach.bind(found.lane);
          found.lane.attach = (onMessage, onClose) =>
            attach((message) => {
              carriedBytes += message.length;
              onMessage(message);
            }, onClose);
          met.resolve(found);
          return found;
        };
        return point;
      },
    },
  };
  return { platform, met: met.promise, closed, taken, carriedBytes: () => carriedBytes };
}

/** Says this, and hears what comes. */
function says(words: string): Approach {
  return async (socket) => {
    socket.resume().write(words);
    return false;
  };
}

test.each<[string, Approach]>([
  ['says nothing', says('')],
  ['speaks HTTP', says('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  [
    'has a wrong key',
    async (socket, role) => {
      const random = () => Uint8Array.from(randomBytes(32));
      const keys = { tlsPsk: random, tlsLaneProof: random, checkTlsLaneProof: () => true };
      return (await secureConnection(socket, { role: otherRole(role), ...keys })) !== null;
    },
  ],
  [
    'is another session’s peer',
    async (socket, role) =>
      (await secureConnection(socket, pairedRun(LINK, 'elsewhere')[otherRole(role)])) !== null,
  ],
])('who %s is turned away at both sides, and the delivery goes over TCP and arrives', async (_, approach) => {
  const [atSender, atReceiver] = [platformFound(approach), platformFound(approach)];
  const sender = await HonestSender.start(server.url, { files: FILES, platform: atSender.platform });
  onTestFinished(() => sender.sharing.close());
  const receiver = new HonestReceiver(server.url, sender.sharing.link, { platform: atReceiver.platform });
  // Until TCP stands, no more comes than there is credit for.
  receiver.sink.before = async (call) => {
    if (call === 'write') await atReceiver.met;
  };
  expect(await receiver.outcome()).toBe('done');
  expect(receiver.hasSaved(FILES)).toBe(true);
  expect((await atReceiver.met).lane.id).toBe((await atSender.met).lane.id);
  expect(atReceiver.carriedBytes()).toBeGreaterThan(1024 * 1024);
  const strangers = [atSender, atReceiver];
  expect(strangers.map(({ closed }) => closed.length)).toEqual([1, 1]);
  await Promise.all(strangers.flatMap(({ closed }) => closed));
  expect(await Promise.all(strangers.flatMap(({ taken }) => taken))).not.toContain(true);
});
