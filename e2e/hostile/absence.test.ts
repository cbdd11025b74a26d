import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { formatCode, parseCode } from '#protocol/handshake/code.ts';
import { BLOCK_BYTES, DEFAULT_CREDIT_BYTES } from '#protocol/limits.ts';
import { type SignalingServer, startSignaling } from '#signaling/server.ts';
import type { PeerConnection, Platform } from '#transport/platform.ts';
import { eventually, FILES, HonestReceiver, HonestSender } from './honest-peers.ts';

/** Codes, links and peers that are not, or no longer, what they were. Nobody is hostile here. */

let server: SignalingServer;
let sender: HonestSender;
beforeEach(async () => {
  server = await startSignaling({ host: '127.0.0.1', port: 0, stun: { port: 3478 } });
});
afterEach(async () => {
  await sender.sharing.close();
  await server.close();
});

/** Nothing was shown and nothing saved. */
async function expectRefused(target: string, code: string): Promise<void> {
  const receiver = new HonestReceiver(server.url, target, { senderTimeoutMs: 50 });
  expect(await receiver.outcome()).toBe(code);
  expect(receiver.sink.calls).toEqual([]);
}

describe('a code', () => {
  beforeEach(async () => {
    sender = await HonestSender.start(server.url);
  });

  test('with a wrong word is wrong, and with the right one right', async () => {
    const { slot, words } = parseCode(sender.code);
    const [first, second, third] = words;
    const wrong = formatCode({ slot, words: [first, second, third === 'zoo' ? 'zero' : 'zoo'] });
    await expectRefused(wrong, 'wrong-code');
    expect(await new HonestReceiver(server.url, sender.code).outcome()).toBe('done');
  });

  test('of a slot that nobody opened is wrong', async () => {
    const { slot, words } = parseCode(sender.code);
    await expectRefused(formatCode({ slot: slot === 5000 ? 5001 : 5000, words }), 'wrong-code');
  });

  test.each(['', '12-zoo-zoo-zoo', '123-zoo-zoo', '123-zoo-zoo-zooo', '123 zoo zoo zoo zoo', 'zoo-zoo-zoo'])(
    'that is none is not even tried: “%s”',
    (text) => expectRefused(text, 'code-malformed'),
  );

  test('serves one of two who come at once, and nobody after', async () => {
    const { code } = sender;
    const receivers = [new HonestReceiver(server.url, code), new HonestReceiver(server.url, code)];
    const outcomes = await Promise.all(receivers.map((receiver) => receiver.outcome()));
    expect(outcomes.sort()).toEqual(['code-used', 'done']);
    await eventually(() => expect(sender.outcomes).toEqual(['done']));
    await expectRefused(code, 'code-used');
    expect(sender.codes.slice(1)).toEqual([[null, 'used']]);
  });

  test('that three have guessed at is used up, and another shown', async () => {
    const { code } = sender;
    const { slot, words } = parseCode(code);
    const [first, , third] = words;
    const wrong = formatCode({ slot, words: [first, words[1] === 'zoo' ? 'zero' : 'zoo', third] });
    for (let guess = 0; guess < 3; guess += 1) await expectRefused(wrong, 'wrong-code');
    await eventually(() => expect(sender.codes.map(([, change]) => change)).toEqual(['opened', 'burnt']));
    await expectRefused(code, 'code-used');
    expect(await new HonestReceiver(server.url, sender.code).outcome()).toBe('done');
  });

  test('whose sender has gone is used up', async () => {
    await sender.sharing.close();
    await expectRefused(sender.code, 'code-used');
  });
});

describe('a link', () => {
  test.each([
    'https://example.org/',
    'https://example.org/#short',
    'https://example.org/#AAAAAAAAAAAAAAAAAAAAAB',
    'ftp://example.org/#AAAAAAAAAAAAAAAAAAAAAA',
    'https://me@example.org/#AAAAAAAAAAAAAAAAAAAAAA',
    'javascript:alert(1)#AAAAAAAAAAAAAAAAAAAAAA',
  ])('that is none is not even tried: %s', async (text) => {
    sender = await HonestSender.start(server.url);
    await expectRefused(text, 'link-malformed');
  });

  test('whose sender is gone is waited for as long as was asked', async () => {
    sender = await HonestSender.start(server.url);
    const { link } = sender.sharing;
    await sender.sharing.close();
    await expectRefused(link, 'sender-gone');
  });

  test('serves many, one after the other and at once', async () => {
    sender = await HonestSender.start(server.url);
    const receivers = Array.from({ length: 4 }, () => new HonestReceiver(server.url, sender.sharing.link));
    for (const receiver of receivers) expect(await receiver.outcome()).toBe('done');
    expect(receivers.every((receiver) => receiver.hasSaved(FILES))).toBe(true);
  });
});

/** Node's platform, and a way to lose every connection that it made. */
function losable(): { platform: Platform; lose: () => void } {
  const node = nodePlatform();
  const connections: PeerConnection[] = [];
  const platform: Platform = {
    ...node,
    createPeerConnection: (configuration) => {
      const connection = node.createPeerConnection(configuration);
      connections.push(connection);
      return connection;
    },
  };
  return {
    platform,
    lose: () => {
      for (const connection of connections) connection.close();
    },
  };
}

describe('in mid-transfer', () => {
  const files = [
    { path: 'first', content: randomBytes(10) },
    { path: 'second', content: randomBytes(30 * BLOCK_BYTES) },
  ];

  /** A receiver that stops at its fifth block for as long as `meanwhile` takes. */
  async function interrupted(
    by: 'link' | 'code',
    platforms: { sender?: Platform; receiver?: Platform },
    meanwhile: () => void | Promise<void>,
  ) {
    sender = await HonestSender.start(server.url, {
      files,
      ...(platforms.sender && { platform: platforms.sender }),
    });
    const receiver = new HonestReceiver(
      server.url,
      sender.target(by),
      platforms.receiver && { platform: platforms.receiver },
    );
    let writes = 0;
    receiver.sink.before = async (call) => {
      if (call === 'write' && ++writes === 5) await meanwhile();
    };
    const outcome = await receiver.outcome();
    expect(receiver.sink.offences).toEqual([]);
    return { outcome, sink: receiver.sink };
  }

  for (const who of ['sender', 'receiver'] as const) {
    test(`a connection that the ${who} loses is made again, and what was written is not sent twice`, async () => {
      const { platform, lose } = losable();
      const { outcome, sink } = await interrupted(
        who === 'sender' ? 'link' : 'code',
        { [who]: platform },
        lose,
      );
      expect(outcome).toBe('done');
      for (const { path, content } of files)
        expect(Buffer.compare(Buffer.from(sink.files.get(path) ?? []), content)).toBe(0);
      const [snapshots] = [...sender.receivers.values()];
      await eventually(() => expect(sender.outcomes).toEqual(['done']));
      expect(snapshots?.some(({ state }) => state === 'reconnecting')).toBe(true);
      const excess = (snapshots?.at(-1)?.wireBytes ?? 0) - 10 - 30 * BLOCK_BYTES;
      // What was on its way, and what had been read ahead of it.
      expect(excess).toBeLessThanOrEqual(2 * DEFAULT_CREDIT_BYTES);
    });
  }

  test('a sender that closes its share says so', async () => {
    const { outcome, sink } = await interrupted('link', {}, () => void sender.sharing.close());
    expect(outcome).toBe('cancelled');
    expect(sink.calls.at(-1)).toBe('suspend');
    expect(sink.files.has('second')).toBe(false);
  });

  test('a server that goes away changes nothing', async () => {
    sender = await HonestSender.start(server.url, { files });
    const receiver = new HonestReceiver(server.url, sender.sharing.link);
    let writes = 0;
    receiver.sink.before = async (call) => {
      if (call === 'write' && ++writes === 5) await server.close();
    };
    expect(await receiver.outcome()).toBe('done');
    expect(receiver.hasSaved(files)).toBe(true);
  });
});
