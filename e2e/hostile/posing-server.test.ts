import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { codeSecret, parseCode } from '#protocol/handshake/code.ts';
import { MESSAGE_TYPE } from '#protocol/handshake/envelope.ts';
import { MAX_CODES_PER_SHARE, MAX_GUESSES_PER_CODE } from '#protocol/handshake/limits.ts';
import { linkSecret, parseLink } from '#protocol/handshake/link.ts';
import { OwnerKey } from '#protocol/handshake/owner-key.ts';
import { ReceiverHandshake } from '#protocol/handshake/receiver-handshake.ts';
import { refuse } from '#protocol/handshake/refusal.ts';
import type { Secret } from '#protocol/handshake/secret.ts';
import { SenderHandshake } from '#protocol/handshake/sender-handshake.ts';
import { eventually, FILES, HonestReceiver, HonestSender } from './honest-peers.ts';
import { HostileServer, type Phantom } from './hostile-server.ts';

let server: HostileServer;
beforeEach(async () => {
  server = await HostileServer.start();
});
afterEach(() => server.close());

/** The same words, but for one. */
function otherWords(code: string): Secret {
  const { slot, words } = parseCode(code);
  const [first, second, third] = words;
  return codeSecret({ slot, words: [first, second, third === 'zoo' ? 'zero' : 'zoo'] });
}

/** Somebody who answers as the sender, with this secret and this owner's key. */
function poseAsSender(secret: Secret, owner: OwnerKey) {
  const runs = new Map<string, SenderHandshake>();
  const heard: number[] = [];
  let onConfirm: () => void = () => {};
  const phantom = server.pose(secret.roomName, 'sender', (payload, from) => {
    heard.push(payload[0] ?? -1);
    if (payload[0] === MESSAGE_TYPE.hello) {
      const run = new SenderHandshake(secret, owner, payload, randomBytes(32));
      runs.set(from, run);
      phantom.say(run.reply, from);
    } else {
      onConfirm();
      try {
        runs.get(from)?.onConfirm(payload);
        const accepted = runs.get(from)?.accept([{ type: 'answer', lane: '0', sdp: 'v=0\r\n' }]);
        if (accepted) phantom.say(accepted.message, from);
      } catch {
        phantom.say(refuse(payload, 'failed'), from);
      }
    }
  });
  return {
    phantom,
    heard,
    set onConfirm(does: () => void) {
      onConfirm = does;
    },
  };
}

/** Somebody who comes as a receiver and guesses. Resolves with what came back after the hello. */
async function guessAsReceiver(secret: Secret, confirms = true): Promise<number[]> {
  const came: number[] = [];
  const handshake = new ReceiverHandshake(secret, { sid: randomBytes(16), scalar: randomBytes(32) });
  let phantom: Phantom | null = null;
  await new Promise<void>((resolve) => {
    phantom = server.pose(secret.roomName, 'receiver', (payload) => {
      came.push(payload[0] ?? -1);
      if (payload[0] !== MESSAGE_TYPE.reply || !confirms) {
        resolve();
        return;
      }
      handshake.onMessage(payload);
      phantom?.say(handshake.confirm([]));
    });
    phantom.say(handshake.hello);
  });
  (phantom as Phantom | null)?.leave();
  return came;
}

const { reply: REPLY, refuse: REFUSE, hello: HELLO, confirm: CONFIRM } = MESSAGE_TYPE;

/** Nothing was offered to the receiver, and it saved nothing. */
function expectNothing(receiver: HonestReceiver): void {
  expect(receiver.sink.calls).toEqual([]);
  expect(receiver.statuses.map(({ lanes }) => lanes)).not.toContain(1);
}

describe('who poses as the sender to a receiver', () => {
  test('with a link that it does not know is found out', async () => {
    const owner = new OwnerKey(randomBytes(32));
    const secret = linkSecret(owner.k);
    const posing = poseAsSender({ ...secret, prs: randomBytes(32) }, owner);
    const receiver = new HonestReceiver(
      server.url,
      `${server.url}#${Buffer.from(owner.k).toString('base64url')}`,
    );
    expect(await receiver.outcome()).toBe('tampered');
    expect(posing.heard).toEqual([HELLO, CONFIRM]);
    expectNothing(receiver);
  });

  test('with a code whose words it guesses is found out, after one guess', async () => {
    const posing = poseAsSender(otherWords('123-zoo-zoo-zoo'), new OwnerKey(randomBytes(32)));
    const receiver = new HonestReceiver(server.url, '123-zoo-zoo-zoo');
    expect(await receiver.outcome()).toBe('wrong-code');
    expect(posing.heard).toEqual([HELLO, CONFIRM]);
    expectNothing(receiver);
  });

  test('and leaves and comes again to guess once more gets three guesses', async () => {
    const heard: number[] = [];
    let comings = 0;
    const come = () => {
      comings += 1;
      const posing = poseAsSender(otherWords('123-zoo-zoo-zoo'), new OwnerKey(randomBytes(32)));
      posing.onConfirm = () => {
        heard.push(...posing.heard);
        posing.phantom.leave();
        if (comings < 10) come();
      };
    };
    const receiver = new HonestReceiver(server.url, '123-zoo-zoo-zoo');
    await eventually(() => expect(server.members('receiver')).toHaveLength(1));
    come();
    expect(await receiver.outcome()).toBe('connection-lost');
    expect(heard).toEqual([HELLO, CONFIRM, HELLO, CONFIRM, HELLO, CONFIRM]);
    expectNothing(receiver);
  });
});

describe('a link holder who poses as its owner while the owner is away', () => {
  const owner = new OwnerKey(randomBytes(32));
  const secret = linkSecret(owner.k);
  const own = new OwnerKey(randomBytes(32));

  test.each<[string, Pick<OwnerKey, 'publicKey' | 'k' | 'sign'>]>([
    ['with a key of its own', own],
    [
      'with the owner’s public key and a signature of its own',
      { publicKey: owner.publicKey, k: owner.k, sign: (th) => own.sign(th) },
    ],
    [
      'with the proof that the owner gave it in its own run',
      { publicKey: owner.publicKey, k: owner.k, sign: () => owner.sign(randomBytes(32)) },
    ],
    [
      'with a signature of nothing',
      { publicKey: owner.publicKey, k: owner.k, sign: () => new Uint8Array(64) },
    ],
    [
      'with a key of small order',
      {
        publicKey: Uint8Array.of(1, ...new Uint8Array(31)),
        k: owner.k,
        sign: () => Uint8Array.of(1, ...new Uint8Array(63)),
      },
    ],
  ])('%s is an impostor, and no offer of theirs is looked at', async (_, key) => {
    poseAsSender(secret, key as OwnerKey);
    const link = `${server.url}#${Buffer.from(owner.k).toString('base64url')}`;
    const receiver = new HonestReceiver(server.url, link);
    expect(await receiver.outcome()).toBe('impostor');
    expectNothing(receiver);
    expect(receiver.statuses.at(-1)).toMatchObject({ state: 'failed', error: { code: 'impostor' } });
  });

  test('finds the owner’s real answer when the owner is back', async () => {
    const sender = await HonestSender.start(server.url);
    const { k } = parseLink(sender.sharing.link);
    const posing = poseAsSender(linkSecret(k), own);
    posing.phantom.leave();
    const receiver = new HonestReceiver(server.url, sender.sharing.link);
    expect(await receiver.outcome()).toBe('done');
    await sender.sharing.close();
  });
});

describe('who poses as a receiver to a sender', () => {
  let sender: HonestSender;
  beforeEach(async () => {
    sender = await HonestSender.start(server.url);
  });
  afterEach(() => sender.sharing.close());

  /** The code after this one, or null. */
  const nextCode = (count: number) =>
    eventually(() => {
      expect(sender.codes.length).toBeGreaterThan(count);
      return sender.codes.at(-1)?.[0] ?? null;
    });

  test.each([
    ['guesses', true, [REPLY, REFUSE]],
    ['only begins to guess', false, [REPLY]],
  ] as const)(
    'and %s gets three goes at each of three codes, and none at the link',
    async (_, confirms, came) => {
      let goes = 0;
      for (
        let code: string | null = sender.code;
        code !== null;
        code = await nextCode(goes / MAX_GUESSES_PER_CODE)
      ) {
        const words = otherWords(code);
        for (let guess = 0; guess < MAX_GUESSES_PER_CODE; guess += 1) {
          expect(await guessAsReceiver(words, confirms)).toEqual(came);
          goes += 1;
        }
      }
      expect(goes).toBe(MAX_GUESSES_PER_CODE * MAX_CODES_PER_SHARE);
      expect(sender.codes.map(([, change]) => change)).toEqual(['opened', 'burnt', 'burnt', 'burnt']);
      expect(sender.receivers.size).toBe(0);
      await eventually(() => expect(server.members('sender')).toHaveLength(1));
      const receiver = new HonestReceiver(server.url, sender.sharing.link);
      expect(await receiver.outcome()).toBe('done');
      expect(receiver.hasSaved(FILES)).toBe(true);
    },
  );

  test('and begins anew each time before it has guessed gets no fourth go either', async () => {
    const secret = otherWords(sender.code);
    const hello = () =>
      new ReceiverHandshake(secret, { sid: randomBytes(16), scalar: randomBytes(32) }).hello;
    const came: number[] = [];
    let next = hello();
    const phantom = server.pose(secret.roomName, 'receiver', (payload) => {
      came.push(payload[0] ?? -1);
      next = hello();
    });
    // What comes before the sender knows that its answer has arrived is not looked at.
    const saying = setInterval(() => phantom.say(next), 5);
    onTestFinished(() => clearInterval(saying));
    await nextCode(1);
    expect(came).toEqual([REPLY, REPLY, REPLY, REFUSE]);
    expect(sender.receivers.size).toBe(0);
  });

  test('leaves the code to who has the words after two wrong guesses', async () => {
    for (let guess = 0; guess < 2; guess += 1) await guessAsReceiver(otherWords(sender.code));
    const receiver = new HonestReceiver(server.url, sender.code);
    expect(await receiver.outcome()).toBe('done');
    expect(sender.codes.map(([, change]) => change)).toEqual(['opened', 'used']);
  });

  test('cannot spend guesses with another version, nor with what makes no sense', async () => {
    const { roomName } = codeSecret(parseCode(sender.code));
    const came: number[][] = [];
    const phantom = server.pose(roomName, 'receiver', (payload) => came.push([...payload.subarray(17)]));
    const hello = new ReceiverHandshake(otherWords(sender.code), {
      sid: randomBytes(16),
      scalar: randomBytes(32),
    }).hello;
    // The one version in it is the last byte but one.
    const other = Uint8Array.from(hello);
    other[other.length - 2] = 77;
    await eventually(() => {
      phantom.say(other);
      phantom.say(randomBytes(100));
      phantom.say(hello.subarray(0, 40));
      phantom.say(new Uint8Array(1));
      expect(came.length).toBeGreaterThan(10);
    });
    expect(new Set(came.flat())).toEqual(new Set([1]));
    phantom.leave();
    for (let guess = 0; guess < 2; guess += 1) await guessAsReceiver(otherWords(sender.code));
    const receiver = new HonestReceiver(server.url, sender.code);
    expect(await receiver.outcome()).toBe('done');
  });

  test('with what a real receiver said before gets no session', async () => {
    const receiver = new HonestReceiver(server.url, sender.sharing.link);
    expect(await receiver.outcome()).toBe('done');
    const recorded = server.relayed.filter(({ to }) => server.members('sender').some(({ id }) => id === to));
    const came: number[] = [];
    const phantom = server.pose(recorded[0]?.room ?? '', 'receiver', (payload) => {
      came.push(payload[0] ?? -1);
      if (payload[0] === REPLY) for (const { payload: next } of recorded.slice(1)) phantom.say(next);
    });
    phantom.say(recorded[0]?.payload ?? new Uint8Array(0));
    await eventually(() => expect(came.slice(0, 2)).toEqual([REPLY, REFUSE]));
    await eventually(() => expect(sender.outcomes).toEqual(['done']));
  });

  test('and says what the sender says is dropped', async () => {
    const { k } = parseLink(sender.sharing.link);
    const came: number[] = [];
    const phantom = server.pose(linkSecret(k).roomName, 'receiver', (payload) => {
      came.push(payload[0] ?? -1);
      for (const type of Object.values(MESSAGE_TYPE))
        phantom.say(Uint8Array.of(type, ...payload.subarray(1)));
    });
    phantom.say(
      new ReceiverHandshake(linkSecret(k), { sid: randomBytes(16), scalar: randomBytes(32) }).hello,
    );
    await eventually(() => expect(new Set(came)).toEqual(new Set([REPLY, REFUSE])));
    expect(sender.receivers.size).toBe(0);
  });
});

test('a server that plays an earlier run to a receiver is found out', async () => {
  const sender = await HonestSender.start(server.url);
  const first = new HonestReceiver(server.url, sender.sharing.link);
  expect(await first.outcome()).toBe('done');
  const { link } = sender.sharing;
  await sender.sharing.close();
  const recorded = server.relayed.filter(
    ({ payload }) => payload[0] === REPLY || payload[0] === MESSAGE_TYPE.accept,
  );
  const phantom = server.pose(recorded[0]?.room ?? '', 'sender', (payload, from) => {
    const next = recorded.shift();
    if (next)
      phantom.say(
        Uint8Array.of(next.payload[0] ?? 0, ...payload.subarray(1, 17), ...next.payload.subarray(17)),
        from,
      );
  });
  const receiver = new HonestReceiver(server.url, link);
  expect(await receiver.outcome()).toBe('tampered');
  expectNothing(receiver);
});
