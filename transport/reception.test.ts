import { afterEach, describe, expect, test, vi } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import type { TransferError } from '#protocol/errors.ts';
import { codeSecret } from '#protocol/handshake/code.ts';
import { wrap } from '#protocol/handshake/envelope.ts';
import { GuessLimit } from '#protocol/handshake/guess-limit.ts';
import { VERSIONS } from '#protocol/handshake/hello.ts';
import { lv } from '#protocol/handshake/lv.ts';
import {
  bytesFor,
  CODE_SECRET,
  LINK,
  OTHER_CODE,
  OWNER,
  receiverOf,
} from '#protocol/handshake/paired-run.fixture.ts';
import type { SealedPayload } from '#protocol/handshake/sealed-payload.ts';
import type { Secret } from '#protocol/handshake/secret.ts';
import { HANDSHAKE_TIMEOUT_MS, MAX_HANDSHAKES } from './limits.ts';
import type { PeerConnection, Platform } from './platform.ts';
import { ReceiverRun } from './receiver-run.ts';
import { Reception } from './reception.ts';
import type { SenderRun } from './sender-run.ts';

/** Which delivery a receiver goes on with; any name will do. */
const DELIVERY = 'AAAAAAAAAAAAAAAAAAAAAA';

const settled = () => new Promise((resolve) => setImmediate(resolve));

const connections: PeerConnection[] = [];
afterEach(() => {
  for (const connection of connections.splice(0)) connection.close();
  vi.useRealTimers();
});

/** Node's platform; what it makes is closed after the test. */
function platformOf(change: (connection: PeerConnection) => void = () => {}): Platform {
  const node = nodePlatform();
  return {
    ...node,
    createPeerConnection: (configuration) => {
      const connection = node.createPeerConnection(configuration);
      connections.push(connection);
      change(connection);
      return connection;
    },
  };
}

/** A sender at the door, and a server that hands over everything at once. */
function openDoor(secret: Secret, { platform = platformOf(), hasPlace = true } = {}) {
  const receivers: SenderRun[] = [];
  const turnedAway: string[] = [];
  const guesses = new GuessLimit();
  const toMember = new Map<string, (message: Uint8Array) => void>();
  const relayed: { to: string; message: Uint8Array }[] = [];
  const reception = new Reception({
    secret,
    owner: OWNER,
    platform,
    iceServers: [],
    room: {
      members: new Set(),
      relay: async (to, message) => {
        relayed.push({ to, message });
        await settled();
        toMember.get(to)?.(message);
      },
      dismiss: async () => {},
      leave: () => {},
    },
    ...(secret.mode === 'code' && { guesses }),
    hasPlace: () => hasPlace,
    onReceiver: (run) => void receivers.push(run),
    onTurnedAway: ({ code }: TransferError) => void turnedAway.push(code),
  });
  const types = (to: string) => relayed.filter((each) => each.to === to).map(({ message }) => message[0]);
  /** An honest receiver. */
  const come = (member: string, words: Secret = secret) => {
    const run = new ReceiverRun(
      words,
      Promise.resolve(DELIVERY),
      platformOf(),
      Promise.resolve([]),
      (message) => reception.hear(member, message),
    );
    toMember.set(member, (message) => void run.hear(message));
    return run;
  };
  return { reception, receivers, turnedAway, guesses, relayed, types, come, toMember };
}

const REFUSE = 0;
const REPLY = 2;
const ACCEPT = 4;

describe.each([
  ['link', LINK],
  ['code', CODE_SECRET],
] as const)('a receiver with the %s', (mode, secret) => {
  test('is met, whatever the server throws in between', async () => {
    const door = openDoor(secret);
    const run = door.come('a');
    for (const garbage of [new Uint8Array(0), new Uint8Array(17), new Uint8Array(20_000).fill(1)])
      door.reception.hear('a', garbage);
    door.reception.hear('b', wrap('hello', bytesFor('b', 16), new Uint8Array(3)));
    const { connected } = await run.meeting;
    const theirs = await door.receivers[0]?.meeting;
    expect(theirs?.connected.fingerprints).toEqual(connected.fingerprints);
    expect(door.receivers).toHaveLength(1);
    expect(door.turnedAway).toEqual([]);
    expect(door.guesses.record.used).toBe(mode === 'code');
  });

  test('whose hello the server repeats is answered once', async () => {
    const door = openDoor(secret);
    const { hello } = receiverOf(secret);
    for (let i = 0; i < 5; i += 1) door.reception.hear('a', hello);
    expect(door.types('a')).toEqual([REPLY]);
    expect(door.turnedAway).toEqual([]);
  });

  test('of another version is told so, and that costs no guess', () => {
    const door = openDoor(secret);
    for (let i = 0; i < 10; i += 1) {
      const versions = Uint8Array.of(100 + i, 200);
      const hello = wrap('hello', bytesFor(`${i}`, 16), lv(new Uint8Array(48), lv('R', versions, '')));
      door.reception.hear(`${i}`, hello);
      expect(door.relayed.at(-1)?.message.subarray(17)).toEqual(Uint8Array.of(1));
    }
    expect(door.guesses.record.guessesSpent).toBe(0);
    expect(door.turnedAway).toEqual([]);
  });

  test('whose share is no element of the group is turned away', async () => {
    const door = openDoor(secret);
    for (const share of [new Uint8Array(32), new Uint8Array(32).fill(255), new Uint8Array(7)]) {
      door.reception.hear(
        'a',
        wrap('hello', bytesFor(`${share}`, 16), lv(share, lv('R', Uint8Array.from(VERSIONS), ''))),
      );
      for (let i = 0; i < 4; i += 1) await settled();
    }
    expect(door.types('a')).toEqual([REFUSE, REFUSE, REFUSE]);
    expect(door.turnedAway).toEqual(Array(3).fill('protocol-violation'));
    // Or a code would be dead and still be shown.
    expect(door.guesses.burnt).toBe(mode === 'code');
  });

  test('is turned away where there is no place', () => {
    const door = openDoor(secret, { hasPlace: false });
    door.reception.hear('a', receiverOf(secret).hello);
    expect(door.relayed.at(-1)?.message.subarray(17)).toEqual(Uint8Array.of(2));
    expect(door.guesses.record.guessesSpent).toBe(0);
  });

  test('that floods is answered once at a time', async () => {
    const door = openDoor(secret);
    for (let i = 0; i < 100; i += 1) door.reception.hear('a', receiverOf(secret, `${i}`).hello);
    expect(door.types('a')).toEqual([REPLY]);
    expect(door.guesses.record.guessesSpent).toBe(mode === 'code' ? 1 : 0);
    for (let i = 0; i < 4; i += 1) await settled();
    door.reception.hear('a', receiverOf(secret, 'later').hello);
    expect(door.types('a')).toEqual([REPLY, REPLY]);
  });

  test('that says hello and nothing more is forgotten in time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const door = openDoor(secret);
    door.reception.hear('a', receiverOf(secret, 'silent').hello);
    await vi.advanceTimersByTimeAsync(HANDSHAKE_TIMEOUT_MS);
    expect(door.turnedAway).toEqual(['peer-silent']);
    vi.useRealTimers();
    await door.come('b').meeting;
  });

  test.each<[string, SealedPayload[]]>([
    ['nothing', []],
    ['no lane', [{ type: 'end-of-candidates', lane: '0' }]],
    ['a description that is none', [{ type: 'offer', lane: '0', sdp: 'v=0\r\n' }]],
  ])('that knows the secret and offers %s gets no session', async (_, payloads) => {
    const door = openDoor(secret);
    const receiver = receiverOf(secret);
    door.toMember.set('a', (message) => {
      if (message[0] !== REPLY) return;
      receiver.onMessage(message);
      door.reception.hear('a', receiver.confirm(payloads));
    });
    door.reception.hear('a', receiver.hello);
    await vi.waitFor(() => expect(door.turnedAway).toEqual(['protocol-violation']));
    expect(door.types('a')).toEqual([REPLY]);
    expect(door.receivers).toEqual([]);
  });

  test('that leaves while its lane is being made leaves nothing open', async () => {
    const made: PeerConnection[] = [];
    const leaving = platformOf((connection) => {
      made.push(connection);
      queueMicrotask(() => door.reception.memberLeft('a'));
    });
    const door = openDoor(secret, { platform: leaving });
    const run = door.come('a');
    await vi.waitFor(() => expect(made).toHaveLength(1));
    await vi.waitFor(() => expect(made[0]?.connectionState).toBe('closed'));
    expect(door.turnedAway).toEqual(['connection-lost']);
    expect(door.types('a')).not.toContain(ACCEPT);
    run.end(new Error('over'));
  });

  test('whose lane is never described to the end is forgotten in time', async () => {
    const stuck = platformOf((connection) => {
      connection.createAnswer = () => new Promise<never>(() => {});
    });
    const door = openDoor(secret, { platform: stuck });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const run = door.come('a');
    await vi.waitFor(() => expect(connections).toHaveLength(2));
    await vi.advanceTimersByTimeAsync(HANDSHAKE_TIMEOUT_MS);
    expect(door.turnedAway).toEqual(['peer-silent']);
    run.end(new Error('over'));
  });
});

describe('a code', () => {
  const guess = async (door: ReturnType<typeof openDoor>, member: string, words: Secret) => {
    const receiver = receiverOf(words, member);
    door.toMember.set(member, (message) => {
      if (message[0] !== REPLY) return;
      receiver.onMessage(message);
      door.reception.hear(member, receiver.confirm([]));
    });
    door.reception.hear(member, receiver.hello);
    for (let i = 0; i < 4; i += 1) await settled();
    return door.relayed.at(-1)?.message.subarray(17);
  };

  test('takes three wrong guesses and then not even the right one', async () => {
    const door = openDoor(CODE_SECRET);
    for (const member of ['a', 'b', 'c'])
      expect(await guess(door, member, codeSecret(OTHER_CODE))).toEqual(Uint8Array.of(4));
    expect(door.turnedAway).toEqual(['wrong-code', 'wrong-code', 'wrong-code']);
    expect(door.guesses.burnt).toBe(true);
    expect(await guess(door, 'd', CODE_SECRET)).toEqual(Uint8Array.of(3));
    expect(door.receivers).toEqual([]);
  });

  test('takes one guess in a run, however often it is confirmed', async () => {
    const door = openDoor(CODE_SECRET);
    const receiver = receiverOf(codeSecret(OTHER_CODE));
    door.reception.hear('a', receiver.hello);
    receiver.onMessage(door.relayed[0]?.message as Uint8Array);
    const confirm = receiver.confirm([]);
    for (let i = 0; i < 10; i += 1) {
      door.reception.hear('a', confirm);
      await settled();
    }
    expect(door.guesses.record.guessesSpent).toBe(1);
    expect(door.types('a')).toEqual([REPLY, REFUSE]);
  });

  test('serves one receiver at a time, and one in all', async () => {
    const door = openDoor(CODE_SECRET);
    const first = door.come('a');
    const second = door.come('b');
    await expect(second.meeting).rejects.toMatchObject({ code: 'room-full' });
    await first.meeting;
    await expect(door.come('c').meeting).rejects.toMatchObject({ code: 'code-used' });
    expect(door.guesses.record.guessesSpent).toBe(1);
  });

  test('is spent by runs that are only begun', async () => {
    const door = openDoor(CODE_SECRET);
    for (const member of ['a', 'b', 'c']) {
      door.reception.hear(member, receiverOf(CODE_SECRET, member).hello);
      door.reception.memberLeft(member);
      await settled();
    }
    expect(door.guesses.burnt).toBe(true);
  });
});

describe('a link', () => {
  test('runs a few handshakes at once and no more', async () => {
    const door = openDoor(LINK);
    for (let i = 0; i < MAX_HANDSHAKES + 5; i += 1)
      door.reception.hear(`${i}`, receiverOf(LINK, `${i}`).hello);
    expect(door.relayed.map(({ message }) => message[0])).toEqual([
      ...Array(MAX_HANDSHAKES).fill(REPLY),
      ...Array(5).fill(REFUSE),
    ]);
    door.reception.memberLeft('0');
    await settled();
    door.reception.hear('late', receiverOf(LINK, 'late').hello);
    expect(door.types('late')).toEqual([REPLY]);
  });

  test('takes no guess for anything: who does not know it is told so and forgotten', async () => {
    const door = openDoor(LINK);
    const other = { ...LINK, prs: new Uint8Array(32) };
    for (let i = 0; i < 20; i += 1)
      await expect(door.come(`${i}`, other).meeting).rejects.toMatchObject({ code: 'tampered' });
    await door.come('friend').meeting;
  });
});

test('a receiver that gives up closes what it has begun', async () => {
  const made: PeerConnection[] = [];
  const platform = platformOf((connection) => void made.push(connection));
  const run = new ReceiverRun(LINK, Promise.resolve(DELIVERY), platform, Promise.resolve([]), () => {});
  await vi.waitFor(() => expect(made[0]?.localDescription?.type).toBe('offer'));
  run.end(new Error('over'));
  await expect(run.meeting).rejects.toMatchObject({ code: 'internal', message: 'over' });
  await vi.waitFor(() => expect(made[0]?.connectionState).toBe('closed'));
});

test('STUN servers that the platform refuses end a receiver’s run with a code', async () => {
  const platform: Platform = {
    ...platformOf(),
    createPeerConnection: () => {
      throw new SyntaxError('not a URL');
    },
  };
  const run = new ReceiverRun(LINK, Promise.resolve(DELIVERY), platform, Promise.resolve([]), () => {});
  await expect(run.meeting).rejects.toMatchObject({ code: 'internal' });
});
