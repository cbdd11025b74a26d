import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TransferError } from '#protocol/errors.ts';
import { pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import type { TcpAddresses } from '#protocol/handshake/tcp-addresses.ts';
import { Deferred } from './deferred.ts';
import { TCP_PATIENCE_MS } from './limits.ts';
import type { TcpLane, TcpMeetingPoint } from './tcp-lanes.ts';
import { TcpWay } from './tcp-way.ts';
import { pairedLanes } from './testing/memory-lane.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const HERE: TcpAddresses = [{ host: '192.0.2.1', port: 1001, kind: 'host' }];
const THERE: TcpAddresses = [{ host: '192.0.2.2', port: 1002, kind: 'host' }];
const ELSEWHERE: TcpAddresses = [{ host: '192.0.2.3', port: 1003, kind: 'host' }];
const SERVERS = [{ urls: ['stun:192.0.2.9:3478', 'turn:192.0.2.9:3478'] }, { urls: 'stun:192.0.2.8:3478' }];
const KEYS = pairedRun().sender;

/** A way whose port and whose lane come when a test says so. */
function setUp() {
  const prepared = new Deferred<TcpMeetingPoint>();
  const lane = new Deferred<TcpLane>();
  const asked: (readonly string[])[] = [];
  const met: TcpAddresses[] = [];
  const said: TcpAddresses[] = [];
  let closed = 0;
  const point: TcpMeetingPoint = {
    addresses: HERE,
    meet: (theirs) => {
      met.push(theirs);
      return lane.promise;
    },
    close: () => {
      closed += 1;
      lane.reject(new TransferError('cancelled'));
    },
  };
  const maker = {
    prepare: ({ stunUrls }: { readonly stunUrls: readonly string[] }) => {
      asked.push(stunUrls);
      return prepared.promise;
    },
  };
  const way = new TcpWay(maker, SERVERS, (addresses) => said.push(addresses));
  const open = async () => {
    prepared.resolve(point);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { way, open, prepared, lane, asked, met, said, closed: () => closed };
}

test('a port is told, met at once and let go, in whatever order keys, port and addresses come', async () => {
  for (const order of ['port keys theirs', 'theirs keys port', 'keys theirs port', 'theirs port keys']) {
    const { way, open, lane, asked, met, said, closed } = setUp();
    for (const step of order.split(' ')) {
      expect(met).toEqual([]);
      if (step === 'port') await open();
      else if (step === 'keys') way.secure(KEYS);
      else way.hear(THERE);
    }
    // Said again, or otherwise, it is nothing new.
    way.hear(ELSEWHERE);
    way.secure(KEYS);
    expect(met).toEqual([THERE]);
    expect(said).toEqual([HERE]);
    expect(asked).toEqual([['stun:192.0.2.9:3478', 'stun:192.0.2.8:3478']]);
    expect(way.isPending).toBe(true);
    const [stands] = pairedLanes();
    lane.resolve({ lane: stands, route: 'direct' });
    const connected = await way.connected;
    expect(connected).toMatchObject({ lane: stands, fingerprints: null });
    expect(await connected.viewRoute()).toBe('direct');
    expect(closed()).toBe(1);
    expect(way.isPending).toBe(false);
  }
});

test('what is still to be told goes another way, once there is one', async () => {
  const { way, open, said } = setUp();
  const inALane: TcpAddresses[] = [];
  way.sayThrough((addresses) => inALane.push(addresses));
  await open();
  expect([said, inALane]).toEqual([[], [HERE]]);
});

test('a peer that names no addresses has no port kept open for it', async () => {
  const { way, open, closed } = setUp();
  await open();
  expect(way.isPending).toBe(false);
  const refused = expect(way.connected).rejects.toMatchObject({ code: 'cancelled' });
  await vi.advanceTimersByTimeAsync(TCP_PATIENCE_MS);
  await refused;
  expect(closed()).toBe(1);
});

test('one that is given up while its port is made lets it go', async () => {
  const { way, open, said, closed } = setUp();
  way.abandon();
  await expect(way.connected).rejects.toMatchObject({ code: 'cancelled' });
  await open();
  expect([closed(), said]).toEqual([1, []]);
});

test('without a port there is no lane, and nothing to wait for', async () => {
  const { way, prepared } = setUp();
  way.hear(THERE);
  prepared.reject(new Error('EADDRINUSE'));
  await expect(way.connected).rejects.toThrow('EADDRINUSE');
  expect(way.isPending).toBe(false);
});
