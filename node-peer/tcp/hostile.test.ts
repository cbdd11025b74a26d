import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket, type TLSSocketOptions } from 'node:tls';
import { generate } from 'selfsigned';
import { afterEach, describe, expect, test } from 'vitest';
import { pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import { otherRole, type Role } from '#protocol/handshake/role.ts';
import type { TcpLaneKeys, TcpMeetingPoint } from '#transport/tcp-lanes.ts';
import { MAX_UNPROVEN } from './limits.ts';
import { tcpLaneMaker } from './tcp-lane-maker.ts';
import { secureConnection } from './tls-connection.ts';
import type { TlsLane } from './tls-lane.ts';

const ROLES = ['sender', 'receiver'] as const;
const LOOPBACK = '127.0.0.1';
/** Another machine's, as far as the peer can tell. */
const STRANGER = '127.0.0.2';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

async function prepare(): Promise<TcpMeetingPoint> {
  const { signal } = new AbortController();
  const point = await tcpLaneMaker({ isOneMachine: true }).prepare({ stunUrls: [], signal });
  cleanUps.push(() => point.close());
  return point;
}

function portOf({ addresses }: TcpMeetingPoint): number {
  return addresses[0]?.port ?? 0;
}

/** A peer in this role that waits to be dialled by the other one, who comes when he is called. */
async function waitingPeer(role: Role) {
  const [point, other] = await Promise.all([prepare(), prepare()]);
  const sessions = pairedRun();
  // Not dialled, being its own port: the other side is known by the address alone.
  const named = [{ host: LOOPBACK, port: portOf(point), kind: 'host' as const }];
  const meeting = point.meet(named, sessions[role]);
  meeting.catch(() => {});
  return {
    role,
    port: portOf(point),
    keys: sessions[otherRole(role)],
    /** That the peer still finds its other side. */
    async isStillMet(): Promise<void> {
      const there = [{ host: LOOPBACK, port: portOf(point), kind: 'host' as const }];
      const [near, far] = await Promise.all([meeting, other.meet(there, sessions[otherRole(role)])]);
      cleanUps.push(
        () => near.lane.close(),
        () => far.lane.close(),
      );
      expect(near.lane.id).toBe(far.lane.id);
    },
  };
}

async function dial(port: number, localAddress = STRANGER): Promise<Socket> {
  const socket = connectTcp({ port, host: LOOPBACK, localAddress });
  cleanUps.push(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Reads what comes, until the other side has had enough. */
async function turnedAway(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

describe.each(ROLES)('a %s that waits for its peer', (role) => {
  test('closes on one who says nothing, and has heard the peer meanwhile', async () => {
    const peer = await waitingPeer(role);
    const silent = await dial(peer.port);
    await peer.isStillMet();
    await turnedAway(silent);
  });

  test('closes on one who says nothing for long', async () => {
    const peer = await waitingPeer(role);
    await turnedAway(await dial(peer.port));
    await peer.isStillMet();
  });

  test('closes on one who speaks HTTP, as client and as server', async () => {
    const peer = await waitingPeer(role);
    for (const words of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'HTTP/1.1 400 Bad Request\r\n\r\n']) {
      const socket = await dial(peer.port);
      socket.write(words);
      await turnedAway(socket);
    }
    await peer.isStillMet();
  });

  test('closes on one who holds another session’s keys', async () => {
    const peer = await waitingPeer(role);
    const others = pairedRun(undefined, 'another')[otherRole(role)];
    const socket = await dial(peer.port);
    expect(await secureConnection(socket, others)).toBeNull();
    await turnedAway(socket);
    await peer.isStillMet();
  });

  test('closes on one whose key is right and whose proof is wrong', async () => {
    const peer = await waitingPeer(role);
    const others = pairedRun(undefined, 'another')[otherRole(role)];
    const forger: TcpLaneKeys = {
      role: otherRole(role),
      tlsPsk: (laneId) => peer.keys.tlsPsk(laneId),
      tlsLaneProof: (laneId, exported) => others.tlsLaneProof(laneId, exported),
      checkTlsLaneProof: () => true,
    };
    const lane = await secureConnection(await dial(peer.port), forger);
    if (lane !== null) await closed(lane);
    await peer.isStillMet();
  });

  test('closes on those who are too many, and hears the peer all the same', async () => {
    const peer = await waitingPeer(role);
    const crowd = await Promise.all(Array.from({ length: 3 * MAX_UNPROVEN }, () => dial(peer.port)));
    await turnedAway(await dial(peer.port));
    expect(crowd.filter(({ closed }) => !closed)).toHaveLength(MAX_UNPROVEN);
    await peer.isStillMet();
  });
});

async function closed(lane: TlsLane): Promise<void> {
  await new Promise<void>((resolve) =>
    lane.attach(
      () => {},
      () => resolve(),
    ),
  );
}

describe('a receiver', () => {
  test('refuses a server that presents a certificate', async () => {
    const peer = await waitingPeer('receiver');
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {});
    const socket = await dial(peer.port);
    const server = new TLSSocket(socket, { isServer: true, key, cert } as TLSSocketOptions);
    const heard: Uint8Array[] = [];
    server.on('error', () => {});
    server.on('data', (chunk) => heard.push(chunk));
    await turnedAway(server);
    expect(heard).toEqual([]);
    await peer.isStillMet();
  });

  test('closes a connection on which something else is said than that it is chosen', async () => {
    const peer = await waitingPeer('receiver');
    const lane = await secureConnection(await dial(peer.port), peer.keys);
    lane?.send(Uint8Array.of(1));
    if (lane !== null) await closed(lane);
    await peer.isStillMet();
  });
});

describe('a sender', () => {
  test.each([
    ['knows no key', undefined],
    ['names a lane as nobody does', { identity: 'lane', psk: pairedRun().receiver.tlsPsk('lane') }],
  ])('refuses a client that %s', async (_, credentials) => {
    const peer = await waitingPeer('sender');
    const client = connectTls({
      socket: await dial(peer.port),
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      ciphers: 'TLS_AES_128_GCM_SHA256',
      ...(credentials && { pskCallback: () => credentials }),
    });
    client.on('error', () => {});
    await turnedAway(client);
    await peer.isStillMet();
  });

  test('refuses a lane id that has made a lane before', async () => {
    const { sender, receiver } = pairedRun();
    const laneId = 'tcp-AAECAwQFBgcICQoL';
    const lanes: (TlsLane | null)[] = [];
    for (let time = 0; time < 2; time++) {
      const point = await prepare();
      const meeting = point.meet([], sender);
      meeting.catch(() => {});
      const socket = connectTls({
        socket: await dial(portOf(point)),
        minVersion: 'TLSv1.3',
        ciphers: 'TLS_AES_128_GCM_SHA256',
        checkServerIdentity: () => undefined,
        pskCallback: () => ({ identity: laneId, psk: receiver.tlsPsk(laneId) }),
      });
      socket.on('error', () => {});
      await once(socket, 'secureConnect');
      const proof = receiver.tlsLaneProof(
        laneId,
        socket.exportKeyingMaterial(32, 'EXPERIMENTAL sallyport lane', Buffer.alloc(0)),
      );
      socket.write(Uint8Array.of(0, 0, 0, proof.length));
      socket.write(proof);
      const met = await Promise.race([
        meeting.then(({ lane }) => lane as TlsLane),
        turnedAway(socket).then(() => null),
      ]);
      lanes.push(met);
      met?.close();
    }
    expect(lanes.map((lane) => lane?.id)).toEqual([laneId, undefined]);
  });
});
