import { afterEach, describe, expect, test } from 'vitest';
import { pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
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
});
