import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { decodeReceiverMessage, type ReceiverMessage } from '#protocol/control-message.ts';
import { ProtocolViolation, TransferError } from '#protocol/errors.ts';
import { pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import { encodeControl, encodeFrame, encodePing, encodeProof } from '#protocol/lane-message.ts';
import type { Lane } from './lane.ts';
import { DEAD_PINGS, PING_INTERVAL_MS, PROOF_TIMEOUT_MS, SILENT_PINGS } from './limits.ts';
import { Session } from './session.ts';
import type { TcpWay } from './tcp-way.ts';
import { type MemoryLane, pairedLanes } from './testing/memory-lane.ts';
import { connected, FINGERPRINTS, NO_OTHERS, RawPeer } from './testing/raw-peer.ts';

/** The sender's session, honest, and a receiver with its keys. */
function setUp() {
  const { sender, receiver } = pairedRun();
  const told: string[] = [];
  const ended: ('complete' | TransferError)[] = [];
  const heard: ReceiverMessage[] = [];
  const silences: boolean[] = [];
  const session = new Session<ReceiverMessage>(
    sender,
    { platform: nodePlatform(), iceServers: [] },
    {
      decode: decodeReceiverMessage,
      onControl: (message) => void heard.push(message),
      onFrame: () => {
        throw new ProtocolViolation('a receiver sent a frame');
      },
      onReceipt: ({ id }: Lane, bytes) => void told.push(`${bytes} bytes on ${id}`),
      onLane: ({ id }: Lane) => void told.push(`lane ${id}`),
      onLaneLost: ({ id }: Lane) => void told.push(`lost ${id}`),
      onRoute: () => {},
      onSilence: (silent) => void silences.push(silent),
      onEnd: (end) => void ended.push(end),
    },
  );
  const addLane = (id = '0'): { own: MemoryLane; peer: RawPeer } => {
    const [own, far] = pairedLanes(id);
    const peer = new RawPeer(connected(far), receiver);
    session.add(connected(own));
    return { own, peer };
  };
  return { session, addLane, told, ended, silences, heard, keys: { sender, receiver } };
}

const outcome = (ended: ('complete' | TransferError)[]) =>
  ended.map((end) => (end === 'complete' ? end : end.code));

test('the proof is said first, also where the peer proved itself before this side took the lane up', async () => {
  const { session, keys } = setUp();
  const [own, far] = pairedLanes();
  const peer = new RawPeer(connected(far), keys.receiver);
  peer.prove();
  // Until its proof has arrived, which the lane then holds for its owner.
  await new Promise((resolve) => setTimeout(resolve, 10));
  session.add(connected(own));
  await vi.waitFor(() => expect(peer.heard.length).toBeGreaterThan(1));
  expect(peer.heard[0]?.kind).toBe('proof');
  session.abort(new TransferError('cancelled'));
});

describe('before its proof a lane', () => {
  test.each<[string, Uint8Array<ArrayBuffer>]>([
    ['a control message', encodeControl(0, new TextEncoder().encode('{"type":"complete"}'))],
    ['a frame', encodeFrame(0, 0, new Uint8Array(1), null)],
    ['a ping', encodePing('ping', 1)],
    ['text', new Uint8Array(0)],
    ['a proof of zeros', encodeProof(new Uint8Array(32))],
    ['a proof cut short', encodeProof(new Uint8Array(31))],
    ['what nobody knows', new Uint8Array(100).fill(250)],
  ])('that brings %s is refused, and nothing is said on it', async (_, message) => {
    const { session, addLane, ended, told, heard } = setUp();
    const { peer } = addLane();
    session.say({ type: 'manifest', entries: 1, pages: 1, totalBytes: 3 });
    peer.send(message);
    await session.closed;
    await peer.closed();
    expect(outcome(ended)).toEqual(['tampered']);
    expect(peer.heard.map(({ kind }) => kind)).toEqual(['proof']);
    expect([told, heard]).toEqual([[], []]);
  });

  test('that brings the proof of another connection, of another lane or our own is refused', async () => {
    for (const proofOf of ['another connection', 'another lane', 'this side']) {
      const { session, addLane, ended, keys } = setUp();
      const { peer } = addLane();
      const elsewhere = { ...FINGERPRINTS, sender: new Uint8Array(32).fill(3) };
      if (proofOf === 'another connection') peer.prove(elsewhere);
      if (proofOf === 'another lane') peer.send(encodeProof(keys.receiver.laneProof('1', FINGERPRINTS)));
      if (proofOf === 'this side') {
        await peer.until(() => peer.heard.length > 0);
        const [own] = peer.heard;
        if (own?.kind === 'proof') peer.send(encodeProof(own.proof));
      }
      await session.closed;
      expect(outcome(ended)).toEqual(['tampered']);
    }
  });

  test('is given up when no proof comes', async () => {
    vi.useFakeTimers();
    try {
      const { addLane, ended, session } = setUp();
      const { peer } = addLane();
      session.say({ type: 'manifest', entries: 1, pages: 1, totalBytes: 3 });
      await vi.advanceTimersByTimeAsync(PROOF_TIMEOUT_MS + 100);
      expect(outcome(ended)).toEqual(['connection-lost']);
      expect(peer.heard.map(({ kind }) => kind)).toEqual(['proof']);
    } finally {
      vi.useRealTimers();
    }
  });
});

/** A session whose first lane is proven. */
async function setUpProven() {
  const setup = setUp();
  const { own, peer } = setup.addLane();
  peer.prove();
  await peer.until(() => peer.heard.some(({ kind }) => kind === 'ping'));
  return { ...setup, own, peer };
}

test('a refused lane beside a proven one closes alone', async () => {
  const { session, addLane, ended, told, peer } = await setUpProven();
  const { peer: intruder } = addLane('1');
  intruder.send(encodePing('ping', 1));
  await intruder.closed();
  peer.send(encodePing('ping', 7));
  await peer.until(() => peer.heard.some((message) => message.kind === 'pong' && message.token === 7));
  expect(told).toEqual(['lane 0']);
  expect(ended).toEqual([]);
  session.abort(new TransferError('cancelled'));
});

test('a lane whose id was used before is closed at once', async () => {
  const { session, addLane, told, peer } = await setUpProven();
  const { peer: twin } = addLane('0');
  twin.prove();
  await twin.closed();
  expect(twin.heard).toEqual([]);
  peer.lane.close();
  await session.closed;
  expect(told).toEqual(['lane 0', 'lost 0']);
});

describe('a proven peer that does not keep to the protocol', () => {
  const json = (document: unknown) => encodeControl(0, new TextEncoder().encode(JSON.stringify(document)));
  test.each<[string, Uint8Array<ArrayBuffer>]>([
    ['text', new Uint8Array(0)],
    ['one byte', new Uint8Array([1])],
    ['a kind of message that nobody knows', new Uint8Array(64).fill(9)],
    ['more than a message holds', new Uint8Array(128 * 1024)],
    ['a control message that is too large', encodeControl(0, new Uint8Array(64 * 1024 + 1))],
    ['a control message that is not JSON', encodeControl(0, new Uint8Array([0x7b]))],
    ['a control message that is not UTF-8', encodeControl(0, new Uint8Array([0xff, 0xfe]))],
    ['a control message of an unknown type', json({ type: 'hello' })],
    ['a control message of the other role', json({ type: 'roots', roots: [] })],
    ['a control message with a field too many', json({ type: 'complete', really: true })],
    ['a control message far ahead of its turn', encodeControl(256, new Uint8Array(1))],
    ['the acknowledgement of what was never said', new Uint8Array([2, 0, 0, 1, 0])],
    ['a frame where none is due', encodeFrame(0, 0, new Uint8Array(1), new Uint8Array(32))],
    ['a second proof', encodeProof(new Uint8Array(32))],
  ])('by %s is told so and cut off', async (_, message) => {
    const { session, ended, heard, peer } = await setUpProven();
    peer.send(message);
    expect(await peer.hear('bye')).toEqual({ type: 'bye', code: 'protocol-violation' });
    await session.closed;
    expect(outcome(ended)).toEqual(['protocol-violation']);
    expect(heard).toEqual([]);
  });

  test('by acknowledging nothing is cut off, and whoever speaks then is not thrown at', async () => {
    const { session, ended, peer } = await setUpProven();
    peer.acknowledges = false;
    for (let i = 0; i < 10_000; i += 1) session.say({ type: 'failed', entry: 0, code: 'source-changed' });
    expect(outcome(ended)).toEqual(['protocol-violation']);
    session.abort(new TransferError('cancelled'));
  });

  test('by asking on and taking nothing in is cut off before it fills our memory', async () => {
    const { session, ended, peer, own } = await setUpProven();
    own.hold();
    const ping = encodePing('ping', 1);
    let mostBytes = 0;
    const page = new Array(100).fill({ kind: 'file', path: 'a'.repeat(300), sizeBytes: 1 });
    for (let next = 1; peer.closedBecause === null; next += 1) {
      session.say({ type: 'page', page: 0, entries: page });
      // It acknowledges what it has not even read.
      peer.send(new Uint8Array([2, 0, 0, next >> 8, next & 255]), ping);
      mostBytes = Math.max(mostBytes, own.bufferedBytes);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    await session.closed;
    expect(outcome(ended)).toEqual(['connection-lost']);
    expect(mostBytes).toBeLessThan(17 * 1024 * 1024);
  });

  test('by a flood of pings and pongs that nobody sent costs nothing but their answers', async () => {
    const { session, ended, peer } = await setUpProven();
    for (let token = 0; token < 20_000; token += 1)
      peer.send(encodePing('pong', token), encodePing('ping', token));
    await peer.until(() => peer.heard.some((message) => message.kind === 'pong' && message.token === 19_999));
    expect(ended).toEqual([]);
    expect(session.rttMs).not.toBeNull();
    session.abort(new TransferError('cancelled'));
  });
});

describe('control messages', () => {
  test('arrive once and in order over two lanes, whichever brings them', async () => {
    const { session, addLane, heard, peer } = await setUpProven();
    const { peer: second } = addLane('1');
    second.prove();
    const credit = (bytes: number) => new TextEncoder().encode(JSON.stringify({ type: 'credit', bytes }));
    second.send(encodeControl(1, credit(2 ** 21)));
    peer.send(encodeControl(2, credit(2 ** 22)), encodeControl(0, credit(2 ** 20)));
    second.send(encodeControl(0, credit(2 ** 23)), encodeControl(1, credit(2 ** 23)));
    peer.send(encodePing('ping', 5));
    await peer.until(() => peer.heard.some((message) => message.kind === 'pong' && message.token === 5));
    expect(heard.map((message) => message.type === 'credit' && message.bytes)).toEqual([
      2 ** 20,
      2 ** 21,
      2 ** 22,
    ]);
    session.abort(new TransferError('cancelled'));
  });

  test('that a lost lane may have swallowed are said again on the next', async () => {
    const { session, addLane, ended, peer } = await setUpProven();
    peer.acknowledges = false;
    const { peer: second } = addLane('1');
    second.prove();
    session.say({ type: 'manifest', entries: 1, pages: 1, totalBytes: 3 });
    await peer.hear('manifest');
    peer.lane.close();
    const { peer: third } = addLane('2');
    third.prove();
    expect(await third.hear('manifest')).toMatchObject({ totalBytes: 3 });
    expect(ended).toEqual([]);
    session.abort(new TransferError('cancelled'));
  });

  test('wait for a lane', async () => {
    const { session, addLane } = setUp();
    session.say({ type: 'manifest', entries: 1, pages: 1, totalBytes: 3 });
    const { peer } = addLane();
    peer.prove();
    await peer.hear('manifest');
    session.abort(new TransferError('cancelled'));
  });
});

describe('silence', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** A session with as many proven lanes. */
  async function proven(lanes: number) {
    const setup = setUp();
    const peers = Array.from({ length: lanes }, (_, i) => setup.addLane(`${i}`).peer);
    for (const peer of peers) peer.prove();
    await vi.advanceTimersByTimeAsync(2 * PING_INTERVAL_MS);
    return { ...setup, peers };
  }

  test('is told once however long it lasts, and the end of the session ends it without a word', async () => {
    const { session, ended, silences, peers } = await proven(1);
    for (const peer of peers) peer.answersPings = false;
    await vi.advanceTimersByTimeAsync((DEAD_PINGS - 1) * PING_INTERVAL_MS);
    expect(silences).toEqual([true]);
    expect(ended).toEqual([]);
    session.abort(new TransferError('connection-lost'));
    peers[0]?.send(encodePing('ping', 1));
    await vi.advanceTimersByTimeAsync(20 * PING_INTERVAL_MS);
    expect(silences).toEqual([true]);
    expect(outcome(ended)).toEqual(['connection-lost']);
  });

  test('and the dead lane after it are told within ten seconds', async () => {
    const { ended, silences, peers } = await proven(1);
    for (const peer of peers) peer.answersPings = false;
    await vi.advanceTimersByTimeAsync((SILENT_PINGS + 1) * PING_INTERVAL_MS);
    expect(silences).toEqual([true]);
    await vi.advanceTimersByTimeAsync(10_000 - (SILENT_PINGS + 1) * PING_INTERVAL_MS);
    expect(outcome(ended)).toEqual(['connection-lost']);
  });

  test('on one lane is none while another speaks, and nor is any word', async () => {
    const { session, silences, peers } = await proven(2);
    const [mute, speaking] = peers;
    if (!mute || !speaking) throw new Error('no lanes');
    mute.answersPings = false;
    await vi.advanceTimersByTimeAsync(2 * DEAD_PINGS * PING_INTERVAL_MS);
    expect(mute.closedBecause).not.toBeNull();
    expect(silences).toEqual([]);
    // Whatever is said is a sign of life, also where no ping is answered.
    speaking.answersPings = false;
    for (let i = 0; i < 2 * DEAD_PINGS; i += 1) {
      speaking.say({ type: 'credit', bytes: 2 ** 20 });
      await vi.advanceTimersByTimeAsync(PING_INTERVAL_MS);
    }
    expect(silences).toEqual([]);
    session.abort(new TransferError('cancelled'));
  });

  test('is also where nothing comes but the peer’s pings: what is said here may not be heard', async () => {
    const { session, silences, ended, peers } = await proven(1);
    const [peer] = peers;
    if (peer) peer.answersPings = false;
    for (let i = 0; i < DEAD_PINGS + 1; i += 1) {
      peer?.send(encodePing('ping', i));
      await vi.advanceTimersByTimeAsync(PING_INTERVAL_MS);
      if (i === SILENT_PINGS) expect(silences).toEqual([true]);
    }
    expect(silences).toEqual([true]);
    expect(outcome(ended)).toEqual(['connection-lost']);
    session.abort(new TransferError('cancelled'));
  });

  test('of the lane that control messages go by has them said again on one that is heard on', async () => {
    const { session, silences, peers } = await proven(3);
    const [mute, deaf, heard] = peers;
    if (!mute || !deaf || !heard) throw new Error('no lanes');
    const said = () =>
      [mute, deaf, heard].map(({ controls }) => controls.filter(({ type }) => type !== 'route').length);
    for (const peer of [mute, deaf]) {
      peer.acknowledges = false;
      peer.answersPings = false;
    }
    session.say({ type: 'manifest', entries: 1, pages: 1, totalBytes: 3 });
    await vi.advanceTimersByTimeAsync(100);
    expect(said()).toEqual([1, 0, 0]);
    await vi.advanceTimersByTimeAsync((SILENT_PINGS + 1) * PING_INTERVAL_MS);
    expect(said()).toEqual([1, 0, 1]);
    session.say({ type: 'pause', paused: true });
    await vi.advanceTimersByTimeAsync(100);
    expect(said()).toEqual([1, 0, 2]);
    expect(silences).toEqual([]);
    session.abort(new TransferError('cancelled'));
  });

  test('of every lane leaves control messages where they are, for the first that is heard on again', async () => {
    const { session, silences, peers } = await proven(2);
    const [first, second] = peers;
    if (!first || !second) throw new Error('no lanes');
    for (const peer of [first, second]) peer.answersPings = false;
    first.acknowledges = false;
    session.say({ type: 'manifest', entries: 1, pages: 1, totalBytes: 3 });
    await vi.advanceTimersByTimeAsync((SILENT_PINGS + 1) * PING_INTERVAL_MS);
    expect(silences).toEqual([true]);
    expect(second.controls).toEqual([]);
    second.send(encodePing('pong', 1));
    await vi.advanceTimersByTimeAsync(10);
    expect(second.controls).toHaveLength(1);
    session.abort(new TransferError('cancelled'));
  });

  test('is not hidden by a lane whose proof does not come', async () => {
    const { session, silences, peers, addLane } = await proven(1);
    addLane('1');
    for (const peer of peers) peer.answersPings = false;
    await vi.advanceTimersByTimeAsync((SILENT_PINGS + 1) * PING_INTERVAL_MS);
    expect(silences).toEqual([true]);
    session.abort(new TransferError('cancelled'));
  });

  test('is not what a lane keeps before its proof', async () => {
    const { session, silences, addLane } = setUp();
    addLane();
    await vi.advanceTimersByTimeAsync(PROOF_TIMEOUT_MS - 100);
    expect(silences).toEqual([]);
    session.abort(new TransferError('cancelled'));
  });

  test('that comes and goes is told each time, and ends nothing', async () => {
    const { session, ended, silences, peers } = await proven(1);
    const [peer] = peers;
    for (let i = 0; i < 10; i += 1) {
      if (peer) peer.answersPings = false;
      await vi.advanceTimersByTimeAsync((SILENT_PINGS + 2) * PING_INTERVAL_MS);
      if (peer) peer.answersPings = true;
      await vi.advanceTimersByTimeAsync(2 * PING_INTERVAL_MS);
    }
    expect(silences).toEqual(Array.from({ length: 20 }, (_, i) => i % 2 === 0));
    expect(ended).toEqual([]);
    session.abort(new TransferError('cancelled'));
  });
});

describe('the end', () => {
  test.each(['declined', 'cancelled', 'disk-full', 'protocol-violation', 'internal'] as const)(
    'that the peer announces as %s is what this side is told',
    async (code) => {
      const { session, ended, peer } = await setUpProven();
      peer.say({ type: 'bye', code });
      await session.closed;
      expect(ended).toMatchObject([{ code, source: 'remote' }]);
      expect(peer.heard.some(({ kind }) => kind === 'control-ack')).toBe(true);
    },
  );

  test('comes once, whatever follows', async () => {
    const { session, ended, heard, peer } = await setUpProven();
    peer.say({ type: 'bye', code: 'complete' }, { type: 'bye', code: 'internal' }, { type: 'complete' });
    peer.send(new Uint8Array([200]));
    await session.closed;
    await session.end('cancelled', new TransferError('cancelled'));
    session.abort(new TransferError('tampered'));
    expect(ended).toEqual(['complete']);
    expect(heard).toEqual([]);
  });

  test('waits until the peer has heard why', async () => {
    const { session, ended, peer } = await setUpProven();
    void session.end('declined', new TransferError('declined'));
    expect(outcome(ended)).toEqual(['declined']);
    expect(await peer.hear('bye')).toEqual({ type: 'bye', code: 'declined' });
    await peer.closed();
    await session.closed;
  });

  test('comes when the last lane is lost', async () => {
    const { session, ended, addLane, peer } = await setUpProven();
    const { peer: second } = addLane('1');
    second.prove();
    peer.lane.close();
    await second.until(() => second.heard.some(({ kind }) => kind === 'ping'));
    expect(ended).toEqual([]);
    second.lane.close();
    await session.closed;
    expect(outcome(ended)).toEqual(['connection-lost']);
  });

  test('is not near while a peer speaks again after a silence, which is told', async () => {
    vi.useFakeTimers();
    try {
      const { session, ended, silences, addLane } = setUp();
      const { peer } = addLane();
      peer.prove();
      await vi.advanceTimersByTimeAsync(3 * PING_INTERVAL_MS);
      expect(silences).toEqual([]);
      peer.answersPings = false;
      await vi.advanceTimersByTimeAsync((SILENT_PINGS + 1) * PING_INTERVAL_MS);
      expect(silences).toEqual([true]);
      peer.answersPings = true;
      await vi.advanceTimersByTimeAsync(2 * PING_INTERVAL_MS);
      expect(silences).toEqual([true, false]);
      expect(ended).toEqual([]);
      session.abort(new TransferError('cancelled'));
    } finally {
      vi.useRealTimers();
    }
  });

  test('comes to a peer that is silent, and not to one that only answers pings', async () => {
    vi.useFakeTimers();
    try {
      const { session, ended, addLane } = setUp();
      const { peer } = addLane();
      peer.prove();
      await vi.advanceTimersByTimeAsync(20 * PING_INTERVAL_MS);
      expect(ended).toEqual([]);
      peer.answersPings = false;
      await vi.advanceTimersByTimeAsync((DEAD_PINGS + 2) * PING_INTERVAL_MS);
      expect(outcome(ended)).toEqual(['connection-lost']);
      await session.closed;
    } finally {
      vi.useRealTimers();
    }
  });
});

test('a lane that is already lost when its session takes it ends the session', async () => {
  const { session, ended } = setUp();
  const [own] = pairedLanes();
  own.close();
  session.add(connected(own));
  await session.closed;
  expect(outcome(ended)).toEqual(['connection-lost']);
});

test('what a meeting brings to a session that is over is ended, what may still come of it too', async () => {
  const { session } = setUp();
  await session.end('cancelled', null);
  const [own] = pairedLanes();
  const [late] = pairedLanes('late');
  let given = 0;
  const tcp = {
    abandon: () => {
      given += 1;
    },
  } as unknown as TcpWay;
  session.begin({
    ...NO_OTHERS,
    secure: pairedRun().sender,
    connected: connected(own),
    others: [Promise.resolve(connected(late))],
    tcp,
  });
  await Promise.resolve();
  expect([own.closedBecause, late.closedBecause]).toEqual(['closed here', 'closed here']);
  expect(given).toBe(1);
});
