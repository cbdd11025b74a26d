import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import { otherRole } from '#protocol/handshake/role.ts';
import type { TcpAddresses } from '#protocol/handshake/tcp-addresses.ts';
import { laneContract } from '#transport/lane.contract.ts';
import type { Lane } from '#transport/lane.ts';
import type { TcpLane, TcpMeetingPoint } from '#transport/tcp-lanes.ts';
import { tcpLaneMaker } from './tcp-lane-maker.ts';

const signal = new AbortController().signal;
const open: { close(): void }[] = [];

afterEach(() => {
  for (const { close } of open.splice(0)) close();
});

async function prepare(isOneMachine = true): Promise<TcpMeetingPoint> {
  const point = await tcpLaneMaker({ isOneMachine }).prepare({ stunUrls: [], signal });
  open.push({ close: () => point.close() });
  return point;
}

/** Two peers on this machine, which know each other's addresses. */
async function meet(): Promise<[TcpLane, TcpLane]> {
  const { sender, receiver } = pairedRun();
  const [near, far] = await Promise.all([prepare(), prepare()]);
  const found = await Promise.all([near.meet(loopbackOf(far), sender), far.meet(loopbackOf(near), receiver)]);
  for (const { lane } of found) open.push({ close: () => lane.close() });
  return found;
}

function loopbackOf({ addresses }: TcpMeetingPoint): TcpAddresses {
  return addresses.filter(({ host }) => host === '127.0.0.1');
}

async function pair(): Promise<readonly [Lane, Lane]> {
  const [near, far] = await meet();
  return [near.lane, far.lane];
}

test.each(laneContract)('a lane over TCP $name', ({ run }) => run({ pair }));

describe('two peers on one machine', () => {
  test('get the same lane, on the straight way', async () => {
    const [near, far] = await meet();
    expect(near.lane.id).toBe(far.lane.id);
    expect([near.route, far.route]).toEqual(['lan', 'lan']);
  });

  test.each(['sender', 'receiver'] as const)(
    'meet where one comes late and dials nobody, as %s',
    async (role) => {
      const sessions = pairedRun();
      const [early, late] = await Promise.all([prepare(), prepare()]);
      const meeting = early.meet(loopbackOf(late), sessions[otherRole(role)]);
      // Long enough for what does not wait to have been dropped, and for the private address to be dialled no more.
      await sleep(400);
      const [near, far] = await Promise.all([meeting, late.meet([], sessions[role])]);
      expect(near.lane.id).toBe(far.lane.id);
    },
  );

  test('have a lane that outlives the point where they met', async () => {
    const sessions = pairedRun();
    const [point, other] = await Promise.all([prepare(), prepare()]);
    const [near, far] = await Promise.all([
      point.meet(loopbackOf(other), sessions.sender),
      other.meet(loopbackOf(point), sessions.receiver),
    ]);
    point.close();
    other.close();
    near.lane.send(Uint8Array.of(7));
    const heard = await new Promise((resolve, reject) => far.lane.attach(resolve, reject));
    expect(heard).toEqual(Uint8Array.of(7));
    near.lane.close();
  });
});

describe('a meeting point', () => {
  test('that is closed gives no lane', async () => {
    const { sender } = pairedRun();
    const point = await prepare();
    const meeting = point.meet([], sender);
    point.close();
    await expect(meeting).rejects.toMatchObject({ code: 'cancelled' });
    await expect(point.meet([], sender)).rejects.toMatchObject({ code: 'cancelled' });
  });

  test.each([
    ['reflexive', 20],
    ['host', 2],
  ] as const)('dials no oftener than it may where the peer sends it (%s)', async (kind, most) => {
    let dials = 0;
    const elsewhere = createServer((socket) => {
      dials += 1;
      socket.on('error', () => {}).resetAndDestroy();
      if (dials === most) elsewhere.emit('enough');
    }).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    open.push({ close: () => void elsewhere.close() });
    const { port } = elsewhere.address() as { port: number };
    const point = await prepare();
    const meeting = point.meet([{ host: '127.0.0.1', port, kind }], pairedRun().receiver);
    meeting.catch(() => {});
    await once(elsewhere, 'enough');
    await sleep(500);
    expect(dials).toBe(most);
  });
});
