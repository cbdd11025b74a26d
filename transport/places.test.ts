import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { TransferError } from '#protocol/errors.ts';
import { LINK, pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { Manifest } from '#protocol/manifest.ts';
import { Deferred } from './deferred.ts';
import type { Meeting } from './first-lane.ts';
import {
  DEAD_PINGS,
  MAX_ABSENT_RECEIVERS,
  MAX_RECEIVERS,
  PING_INTERVAL_MS,
  PROOF_TIMEOUT_MS,
} from './limits.ts';
import { Places } from './places.ts';
import type { ReceiverStatus } from './sharing.ts';
import { pass, settled, useFakeTime } from './testing/fake-time.ts';
import { MemorySource } from './testing/memory-files.ts';
import { pairedLanes } from './testing/memory-lane.ts';
import { connected, NO_OTHERS, RawPeer } from './testing/raw-peer.ts';

useFakeTime();

const KEYS = pairedRun(LINK, 'places');
const SOURCE = new MemorySource([
  { path: 'a', content: randomBytes(4 * BLOCK_BYTES) },
  { path: 'b', content: randomBytes(BLOCK_BYTES) },
]);

function setUp() {
  const told: ReceiverStatus[] = [];
  let silences = 0;
  const places = new Places({
    platform: nodePlatform(),
    manifest: new Manifest(SOURCE.entries),
    source: SOURCE,
    onReceiver: (status) => told.push(status),
    onSilent: () => {
      silences += 1;
    },
  });
  /** A receiver that is met at once, and does what a test tells it to. */
  const come = (id: string) => {
    const [own, far] = pairedLanes();
    const peer = new RawPeer(connected(far), KEYS.receiver);
    const served = places.serve(
      id,
      Promise.resolve({ secure: KEYS.sender, connected: connected(own), ...NO_OTHERS }),
    );
    return { peer, own, served };
  };
  /** One that has chosen, and is served. */
  const choose = async (id: string) => {
    const came = come(id);
    came.peer.prove();
    await pass(10);
    came.peer.say({ type: 'choice', files: 1, totalBytes: 4 * BLOCK_BYTES, heldBytes: 0 });
    await pass(10);
    return came;
  };
  const latest = (id: string) => told.filter((status) => status.id === id).at(-1);
  return { places, told, come, choose, latest, silences: () => silences };
}

const lost = (own: { drop(reason: string): void }) => own.drop('cut');

test('a receiver that comes back has the place that it had, and its old session is let go', async () => {
  const { told, choose, latest } = setUp();
  const first = await choose('one');
  const second = await choose('one');
  await pass(1000);
  expect(first.peer.closedBecause).not.toBeNull();
  expect(second.peer.closedBecause).toBeNull();
  await first.served;
  expect(told.map(({ state }) => state)).not.toContain('failed');
  expect(latest('one')).toMatchObject({ state: 'transferring', lanes: 1, error: null });
  lost(second.own);
  await second.served;
  expect(latest('one')).toMatchObject({ state: 'reconnecting', lanes: 0 });
});

test('one that comes back before it chose has its place too', async () => {
  const { told, come, choose, latest } = setUp();
  const { peer, served } = come('one');
  peer.prove();
  await pass(100);
  await choose('one');
  await served;
  expect(latest('one')?.state).toBe('transferring');
  expect(told.map(({ state }) => state)).not.toContain('failed');
});

test('one that is lost again before it chose again stays one that may come back', async () => {
  const { told, come, choose, latest } = setUp();
  lost((await choose('one')).own);
  const second = come('one');
  second.peer.prove();
  await pass(100);
  lost(second.own);
  await pass(100);
  expect(latest('one')?.state).toBe('reconnecting');
  await choose('one');
  expect(latest('one')?.state).toBe('transferring');
  expect(told.map(({ state }) => state)).not.toContain('failed');
});

test('one whose handshake for another way fails stays served', async () => {
  const { places, choose, latest } = setUp();
  const { peer } = await choose('one');
  await places.serve('one', Promise.reject(new TransferError('no-route')));
  await pass(1000);
  expect(latest('one')?.state).toBe('transferring');
  expect(peer.closedBecause).toBeNull();
});

test('one of whose two first handshakes one fails is served by the other, and one of whom both fail has failed', async () => {
  const { places, told, latest } = setUp();
  const meetings = [new Deferred<Meeting>(), new Deferred<Meeting>()] as const;
  const served = meetings.map(({ promise }) => places.serve('one', promise));
  meetings[0].reject(new TransferError('no-route'));
  await served[0];
  const [own, far] = pairedLanes();
  const peer = new RawPeer(connected(far), KEYS.receiver);
  meetings[1].resolve({ secure: KEYS.sender, connected: connected(own), ...NO_OTHERS });
  peer.prove();
  await pass(100);
  expect(latest('one')).toMatchObject({ state: 'waiting', lanes: 1 });
  expect(told.map(({ state }) => state)).not.toContain('failed');
  const failing = [0, 1].map(() => places.serve('two', Promise.reject(new TransferError('no-route'))));
  await Promise.all(failing);
  expect(latest('two')).toMatchObject({ state: 'failed', error: { code: 'no-route' } });
});

test('what a session gave up is still given up in the next', async () => {
  const { choose, latest } = setUp();
  const first = await choose('one');
  first.peer.say({ type: 'failed', entry: 0, code: 'cancelled' });
  await pass(100);
  lost(first.own);
  const { peer } = await choose('one');
  peer.say({ type: 'complete' });
  expect((await settled(peer.hear('bye'))).value).toEqual({ type: 'bye', code: 'complete' });
  expect(latest('one')).toMatchObject({
    state: 'failed',
    failedFiles: [{ path: 'a', code: 'cancelled' }],
    error: { code: 'cancelled' },
  });
});

test('a pause holds while a receiver is away, and is told when it is back', async () => {
  const { places, choose, latest } = setUp();
  lost((await choose('one')).own);
  await pass(100);
  places.pause('one', true);
  places.pause('nobody', true);
  await pass(200);
  expect(latest('one')?.paused).toEqual({ here: true, there: false });
  const { peer } = await choose('one');
  expect(await peer.hear('pause')).toEqual({ type: 'pause', paused: true });
  await pass(200);
  expect(latest('one')?.paused).toEqual({ here: true, there: false });
});

test('one file held up or given up stays so over sessions, said each time after the choice', async () => {
  const { places, choose, latest } = setUp();
  const first = await choose('one');
  places.pause('one', true, 'a');
  places.cancel('one', 'b');
  places.pause('one', true, 'no such file');
  places.cancel('one', 'no such file');
  await pass(200);
  expect(await first.peer.hear('pause')).toEqual({ type: 'pause', paused: true, entry: 0 });
  expect(await first.peer.hear('failed')).toEqual({ type: 'failed', entry: 1, code: 'cancelled' });
  const shown = {
    state: 'transferring',
    paused: { here: false, there: false },
    pausedFiles: [{ path: 'a', here: true, there: false }],
    failedFiles: [{ path: 'b', code: 'cancelled' }],
  };
  expect(latest('one')).toMatchObject(shown);
  lost(first.own);
  await pass(100);
  const second = await choose('one');
  expect(await second.peer.hear('pause')).toEqual({ type: 'pause', paused: true, entry: 0 });
  expect(await second.peer.hear('failed')).toEqual({ type: 'failed', entry: 1, code: 'cancelled' });
  await pass(200);
  expect(latest('one')).toMatchObject(shown);
  lost(second.own);
  await pass(100);
  places.pause('one', false, 'a');
  await pass(200);
  expect(latest('one')).toMatchObject({ state: 'reconnecting', pausedFiles: [] });
  const third = await choose('one');
  await pass(200);
  expect(third.peer.controls.map(({ type }) => type)).not.toContain('pause');
  expect(latest('one')?.pausedFiles).toEqual([]);
});

test('a receiver is waited for with the files that it asked for, as long as it lacks them', async () => {
  const { places, choose } = setUp();
  const { peer, own } = await choose('one');
  expect(places.underWay('one')).toEqual(new Set());
  peer.say({
    type: 'request',
    ranges: [
      [0, 0, 4],
      [1, 0, 1],
    ],
    roots: [],
  });
  await pass(100);
  expect(places.underWay('one')).toEqual(new Set(['a', 'b']));
  peer.say({ type: 'ack', blocks: [[1, 0, 1]] });
  await pass(100);
  expect(places.underWay('one')).toEqual(new Set(['a']));
  lost(own);
  await pass(100);
  expect(places.underWay('one')).toEqual(new Set(['a']));
  expect(places.underWay('nobody')).toEqual(new Set());
});

test('while a receiver is away its files can be held up and given up, and whoever watches sees it', async () => {
  const { places, told, come, choose, latest } = setUp();
  const { peer, own, served } = await choose('one');
  const ranges: [number, number, number][] = [
    [0, 0, 4],
    [1, 0, 1],
  ];
  peer.say({ type: 'request', ranges, roots: [] });
  await pass(100);
  lost(own);
  await served;
  expect(latest('one')?.state).toBe('reconnecting');
  places.pause('one', true, 'a');
  await pass(200);
  expect(latest('one')?.pausedFiles).toEqual([{ path: 'a', here: true, there: false }]);
  told.length = 0;
  places.cancel('one', 'b');
  expect(places.underWay('one')).toEqual(new Set(['a']));
  await pass(200);
  expect(told).not.toEqual([]);
  // Until it has chosen again nothing else is known.
  const again = come('one');
  again.peer.prove();
  await pass(100);
  expect(places.underWay('one')).toEqual(new Set(['a']));
  places.cancel('one');
  expect(places.underWay('one')).toEqual(new Set());
});

test('one receiver who is cancelled is told, and no other', async () => {
  const { places, choose, latest } = setUp();
  const [one, two] = [await choose('one'), await choose('two')];
  places.cancel('one');
  places.cancel('nobody');
  expect((await settled(one.peer.hear('bye'))).value).toEqual({ type: 'bye', code: 'cancelled' });
  expect(latest('one')).toMatchObject({ state: 'failed', error: { code: 'cancelled', source: 'local' } });
  await one.served;
  expect(two.peer.closedBecause).toBeNull();
  expect(latest('two')?.state).toBe('transferring');
});

test('one who is cancelled while away is told when it comes back until it has heard, and is served anew after', async () => {
  const { places, told, come, choose, latest } = setUp();
  lost((await choose('one')).own);
  await pass(100);
  places.cancel('one');
  expect(latest('one')).toMatchObject({ state: 'failed', error: { code: 'cancelled' } });
  const { length } = told;
  const deaf = come('one');
  await pass(100);
  lost(deaf.own);
  await settled(deaf.served);
  const { peer, served } = come('one');
  peer.prove();
  expect((await settled(peer.hear('bye'))).value).toEqual({ type: 'bye', code: 'cancelled' });
  await settled(served);
  expect(peer.closedBecause).not.toBeNull();
  expect(told).toHaveLength(length);
  await choose('one');
  expect(latest('one')?.state).toBe('transferring');
  expect(places.hasRoom).toBe(true);
});

test('one who has everything cannot be cancelled any more', async () => {
  const { places, choose, latest } = setUp();
  const { peer, served } = await choose('one');
  peer.say({ type: 'complete' });
  await pass(10);
  places.cancel('one');
  await settled(served);
  expect(latest('one')?.state).toBe('done');
});

test('those who were cancelled are remembered as long as those who are away', async () => {
  const { places, choose, come, latest } = setUp();
  for (let i = 0; i <= MAX_ABSENT_RECEIVERS; i += 1) {
    const { own, served } = await choose(`${i}`);
    lost(own);
    await served;
    places.cancel(`${i}`);
  }
  come('0').peer.prove();
  come('1').peer.prove();
  await pass(100);
  expect(latest('0')?.state).toBe('waiting');
  expect(latest('1')?.state).toBe('failed');
});

test('a receiver is told of once when it falls silent and once when it is lost, and shown', async () => {
  const { choose, latest, silences } = setUp();
  const { peer, served } = await choose('one');
  peer.answersPings = false;
  await pass(5 * PING_INTERVAL_MS);
  expect(latest('one')?.state).toBe('reconnecting');
  expect(silences()).toBe(1);
  await pass((DEAD_PINGS + 2) * PING_INTERVAL_MS);
  await served;
  expect(silences()).toBe(2);
});

test('those away the longest are forgotten first, and none that is here or on its way', async () => {
  const { places, told, choose, come, latest } = setUp();
  const here = await choose('here');
  const coming = new Deferred<Meeting>();
  void places.serve('coming', coming.promise);
  for (let i = 0; i < MAX_ABSENT_RECEIVERS + 3; i += 1) {
    const { own, served } = await choose(`away ${i}`);
    lost(own);
    await served;
    // The first one looks in again, and so is away the shortest.
    if (i === 5) lost((await choose('away 0')).own);
  }
  const states = (id: string) => latest(id)?.state;
  expect(['away 1', 'away 2', 'away 3'].map(states)).toEqual(['failed', 'failed', 'failed']);
  expect(latest('away 1')?.error?.code).toBe('connection-lost');
  expect(['away 0', 'away 4', 'here', 'coming'].map(states)).toEqual([
    'reconnecting',
    'reconnecting',
    'transferring',
    'connecting',
  ]);
  expect(here.peer.closedBecause).toBeNull();
  // One that was forgotten is one that comes for the first time.
  come('away 1').peer.prove();
  await pass(100);
  expect(states('away 1')).toBe('waiting');
  await settled(places.close());
  expect(new Set(told.map(({ id }) => id)).size).toBe(MAX_ABSENT_RECEIVERS + 5);
  for (const id of ['here', 'coming', 'away 4', 'away 1'])
    expect(latest(id)).toMatchObject({ state: 'failed', error: { code: 'cancelled' } });
  coming.reject(new TransferError('cancelled'));
});

test('ten thousand deliveries that never come to anything leave nothing behind', async () => {
  const { places, told } = setUp();
  for (let i = 0; i < 10_000; i += 1)
    await places.serve(`${i}`, Promise.reject(new TransferError('no-route')));
  expect(places.hasRoom).toBe(true);
  told.length = 0;
  await places.close();
  expect(told).toEqual([]);
});

test('one delivery from eight sessions at once has one that lives, and then none', async () => {
  const { places, come, choose, latest } = setUp();
  const sessions = Array.from({ length: 8 }, () => come('one'));
  for (const { peer } of sessions) peer.prove();
  await pass(100);
  expect(sessions.filter(({ peer }) => peer.closedBecause === null)).toHaveLength(1);
  for (let i = 0; i < 50; i += 1) await choose('one');
  expect(latest('one')?.state).toBe('transferring');
  await Promise.all(sessions.map(({ served }) => served));
  expect(places.hasRoom).toBe(true);
});

test('no more than so many are served, those who never prove themselves for a while only', async () => {
  const { places, come } = setUp();
  for (let i = 0; i < MAX_RECEIVERS; i += 1) come(`${i}`);
  expect(places.hasRoom).toBe(false);
  await pass(PROOF_TIMEOUT_MS + 1000);
  expect(places.hasRoom).toBe(true);
});

test('closing tells everyone who is here, and takes nobody in who is met too late', async () => {
  const { places, choose, latest } = setUp();
  const [one, two] = [await choose('one'), await choose('two')];
  const late = new Deferred<Meeting>();
  const served = places.serve('late', late.promise);
  const closing = places.close();
  for (const { peer } of [one, two])
    expect((await settled(peer.hear('bye'))).value).toEqual({ type: 'bye', code: 'cancelled' });
  await settled(closing);
  const [own, far] = pairedLanes();
  late.resolve({ secure: KEYS.sender, connected: connected(own), ...NO_OTHERS });
  await served;
  await pass(10);
  expect(far.closedBecause).not.toBeNull();
  expect(places.hasRoom).toBe(false);
  for (const id of ['one', 'two', 'late']) expect(latest(id)?.error?.code).toBe('cancelled');
});
