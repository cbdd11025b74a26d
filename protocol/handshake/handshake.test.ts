import { describe, expect, it } from 'vitest';
import { TransferError } from '../errors.ts';
import { codeSecret } from './code.ts';
import { unwrap, wrap } from './envelope.ts';
import { VERSIONS } from './hello.ts';
import { linkSecret } from './link.ts';
import { lv, parseLv } from './lv.ts';
import { OwnerKey } from './owner-key.ts';
import {
  ANSWER,
  bytesFor,
  CODE_SECRET,
  LINK,
  OFFER,
  OTHER_CODE,
  OWNER,
  outcomeOf,
  pairedRun,
  receiverOf,
  senderOf,
} from './paired-run.fixture.ts';
import { ReceiverHandshake } from './receiver-handshake.ts';
import { refuse } from './refusal.ts';
import type { Secret } from './secret.ts';

/** The one version that is spoken. */
const [OURS = 0] = VERSIONS;

const MODES: readonly [string, Secret][] = [
  ['link', LINK],
  ['code', CODE_SECRET],
];
const STRANGER = new OwnerKey(bytesFor('stranger', 32));

/** Both sides with keys, neither confirmed. */
function keyedPair(secret: Secret, owner = OWNER) {
  const receiver = receiverOf(secret);
  const sender = senderOf(secret, receiver.hello, 'sender', owner);
  receiver.onMessage(sender.reply);
  return { receiver, sender };
}

/** The sender's own message 4 in a run with `owner`. */
function acceptOf(secret: Secret, owner: OwnerKey) {
  const { receiver, sender } = keyedPair(secret, owner);
  sender.onConfirm(receiver.confirm([OFFER]));
  return { receiver, message: sender.accept([ANSWER]).message };
}

describe.each(MODES)('a handshake by %s', (_, secret) => {
  const run = pairedRun(secret);

  it('gives both sides the same session, whose K the owner has proven', () => {
    expect(run.receiver.run).toBe(run.sender.run);
    expect(run.receiver.k).toEqual(OWNER.k);
    expect(run.sender.k).toEqual(OWNER.k);
    expect([run.receiver.version, run.sender.version]).toEqual([OURS, OURS]);
    expect([run.receiver.role, run.sender.role]).toEqual(['receiver', 'sender']);
  });

  it('carries the first payloads of both sides', () => {
    expect(run.toSender).toEqual([OFFER]);
    expect(run.toReceiver).toEqual([ANSWER]);
  });

  it('lets both sides seal on, each in its own direction', () => {
    expect(run.sender.open(run.receiver.seal([OFFER]))).toEqual([OFFER]);
    expect(run.receiver.open(run.sender.seal([ANSWER, OFFER]))).toEqual([ANSWER, OFFER]);
  });

  it('shows the server neither a secret nor who the owner is', () => {
    const secrets = [OWNER.k, OWNER.publicKey, secret.prs, new TextEncoder().encode('v=0')];
    for (const message of [run.hello, run.reply, run.confirm, run.accept]) {
      const seen = Buffer.from(message);
      for (const bytes of secrets) expect(seen.includes(Buffer.from(bytes))).toBe(false);
    }
  });
});

describe('a wrong code', () => {
  const wrong = codeSecret(OTHER_CODE);

  it('is found by the sender, who opens nothing and accepts nothing', () => {
    const receiver = receiverOf(wrong);
    const sender = senderOf(CODE_SECRET, receiver.hello);
    receiver.onMessage(sender.reply);
    const confirm = receiver.confirm([OFFER]);
    expect(outcomeOf(() => sender.onConfirm(confirm))).toBe('wrong-code');
    expect(() => sender.accept([])).toThrow('accept called at over');
    expect(outcomeOf(() => receiver.onMessage(refuse(confirm, 'failed')))).toBe('wrong-code');
  });

  it('is one guess: the run takes no second confirmation', () => {
    const receiver = receiverOf(wrong);
    const sender = senderOf(CODE_SECRET, receiver.hello);
    receiver.onMessage(sender.reply);
    outcomeOf(() => sender.onConfirm(receiver.confirm([OFFER])));
    const right = receiverOf(CODE_SECRET);
    right.onMessage(sender.reply);
    expect(outcomeOf(() => sender.onConfirm(right.confirm([OFFER])))).toBe('ProtocolViolation');
  });

  it('of a server that poses as the sender opens nothing of the receiver’s', () => {
    const receiver = receiverOf(CODE_SECRET);
    const server = senderOf(wrong, receiver.hello);
    receiver.onMessage(server.reply);
    expect(outcomeOf(() => server.onConfirm(receiver.confirm([OFFER])))).toBe('wrong-code');
    const posing = wrap('accept', unwrap(receiver.hello).sid, unwrap(pairedRun(wrong).accept).body);
    expect(outcomeOf(() => receiver.onMessage(posing))).toBe('wrong-code');
  });

  it('in another slot is another code', () => {
    const receiver = receiverOf(codeSecret({ slot: 4822, words: ['apple', 'river', 'stone'] }));
    const sender = senderOf(CODE_SECRET, receiver.hello);
    receiver.onMessage(sender.reply);
    expect(outcomeOf(() => sender.onConfirm(receiver.confirm([])))).toBe('wrong-code');
  });
});

describe('whoever holds a link and poses as its owner', () => {
  it('fails with a key of their own', () => {
    const { receiver, message } = acceptOf(LINK, STRANGER);
    expect(outcomeOf(() => receiver.onMessage(message))).toBe('impostor');
  });

  it('fails with the owner’s public key and a signature of their own', () => {
    const posing = { publicKey: OWNER.publicKey, k: OWNER.k, sign: (th: Uint8Array) => STRANGER.sign(th) };
    const { receiver, message } = acceptOf(LINK, posing as unknown as OwnerKey);
    expect(outcomeOf(() => receiver.onMessage(message))).toBe('impostor');
  });

  it('fails with what the owner signed in another run', () => {
    const signed = OWNER.sign(bytesFor('th of another run', 32));
    const posing = { publicKey: OWNER.publicKey, k: OWNER.k, sign: () => signed };
    const { receiver, message } = acceptOf(LINK, posing as unknown as OwnerKey);
    expect(outcomeOf(() => receiver.onMessage(message))).toBe('impostor');
  });

  it('fails with a share of their own under another link', () => {
    const receiver = receiverOf(LINK);
    const sender = senderOf(linkSecret(STRANGER.k), receiver.hello, 'sender', STRANGER);
    receiver.onMessage(sender.reply);
    expect(outcomeOf(() => sender.onConfirm(receiver.confirm([OFFER])))).toBe('tampered');
  });

  it('is found by code as well: a signature that is not by the key that came', () => {
    const posing = { publicKey: OWNER.publicKey, k: OWNER.k, sign: (th: Uint8Array) => STRANGER.sign(th) };
    const { receiver, message } = acceptOf(CODE_SECRET, posing as unknown as OwnerKey);
    expect(outcomeOf(() => receiver.onMessage(message))).toBe('impostor');
  });
});

describe('a server that reflects', () => {
  const { sid, body } = unwrap(receiverOf(LINK).hello);
  const [ya] = parseLv(body, ['share', 'ad']);

  it.each([
    ['the hello as it is', wrap('hello', sid, body), 'ProtocolViolation'],
    ['the hello as a reply', wrap('reply', sid, body), 'tampered'],
    [
      'the own share in the sender’s name',
      wrap('reply', sid, lv(ya, lv('S', Uint8Array.of(OURS), ''))),
      'tampered',
    ],
  ])('%s is refused by the receiver', (_, message, outcome) => {
    expect(outcomeOf(() => receiverOf(LINK).onMessage(message))).toBe(outcome);
  });

  it('the sender’s reply as a hello is refused by the sender', () => {
    const reply = unwrap(senderOf(LINK, receiverOf(LINK).hello).reply);
    expect(outcomeOf(() => senderOf(LINK, wrap('hello', sid, reply.body), 'another'))).toBe('tampered');
  });

  it('the sender’s own share in the receiver’s name is refused by the sender', () => {
    const share = ownShare();
    const hello = wrap('hello', sid, lv(share, lv('R', Uint8Array.of(OURS), '')));
    expect(outcomeOf(() => senderOf(LINK, hello))).toBe('tampered');
  });

  it('the receiver’s confirmation is refused by the receiver', () => {
    const { receiver } = keyedPair(LINK);
    const confirm = unwrap(receiver.confirm([OFFER]));
    expect(outcomeOf(() => receiver.onMessage(wrap('accept', confirm.sid, confirm.body)))).toBe('tampered');
  });

  /** What `senderOf` will send with the label it has by default. */
  function ownShare() {
    return parseLv(unwrap(senderOf(LINK, receiverOf(LINK).hello).reply).body, ['share', 'ad'])[0];
  }
});

describe('a share that is no share', () => {
  const { sid } = unwrap(receiverOf(LINK).hello);
  const SHARES: readonly [string, Uint8Array][] = [
    ['the identity', new Uint8Array(32)],
    ['no canonical encoding', new Uint8Array(32).fill(255)],
    ['short', new Uint8Array(31)],
    ['empty', new Uint8Array(0)],
  ];

  it.each(SHARES)('is refused in a hello: %s', (_, share) => {
    const hello = wrap('hello', sid, lv(share, lv('R', Uint8Array.of(OURS), '')));
    expect(outcomeOf(() => senderOf(LINK, hello))).toBe('ProtocolViolation');
  });

  it.each(SHARES)('is refused in a reply: %s', (_, share) => {
    const reply = wrap('reply', sid, lv(share, lv('S', Uint8Array.of(OURS), '')));
    expect(outcomeOf(() => receiverOf(LINK).onMessage(reply))).toBe('ProtocolViolation');
  });
});

describe('another version', () => {
  const { sid } = unwrap(receiverOf(LINK).hello);
  const half = (role: string, ...versions: number[]) =>
    lv(new Uint8Array(32), lv(role, Uint8Array.from(versions), ''));

  it('of the receiver is found before any cryptography', () => {
    expect(outcomeOf(() => senderOf(LINK, wrap('hello', sid, half('R', 1))))).toBe('version-mismatch');
  });

  it('of the sender is found by the receiver', () => {
    expect(outcomeOf(() => receiverOf(LINK).onMessage(wrap('reply', sid, half('S', 1, OURS + 1))))).toBe(
      'version-mismatch',
    );
  });

  it('that a server writes into a hello makes no session', () => {
    const receiver = receiverOf(LINK);
    const [share] = parseLv(unwrap(receiver.hello).body, ['share', 'ad']);
    const sender = senderOf(LINK, wrap('hello', sid, lv(share, lv('R', Uint8Array.of(OURS, OURS + 1), ''))));
    receiver.onMessage(sender.reply);
    expect(outcomeOf(() => sender.onConfirm(receiver.confirm([])))).toBe('tampered');
  });
});

describe('a refusal', () => {
  const STATES: readonly [string, () => ReceiverHandshake][] = [
    ['when the hello has gone', () => receiverOf(LINK)],
    ['when it has keys', () => keyedPair(LINK).receiver],
    [
      'when its confirmation has gone',
      () => {
        const { receiver } = keyedPair(LINK);
        receiver.confirm([]);
        return receiver;
      },
    ],
  ];

  it.each(STATES)('ends the receiver’s run %s', (_, start) => {
    const receiver = start();
    const refusal = refuse(receiver.hello, 'code-used');
    expect(() => receiver.onMessage(refusal)).toThrow(
      new TransferError('code-used', 'the sender refused: code-used', { source: 'remote' }),
    );
    expect(outcomeOf(() => receiver.onMessage(refusal))).toBe('ProtocolViolation');
  });

  it('means nothing to a session', () => {
    const { receiver, sender, hello } = pairedRun();
    expect(outcomeOf(() => receiver.open(refuse(hello, 'failed')))).toBe('tampered');
    expect(receiver.open(sender.seal([ANSWER]))).toEqual([ANSWER]);
  });
});

describe('two runs of one link', () => {
  const first = pairedRun(LINK, 'first');
  const second = pairedRun(LINK, 'second');
  const inRunOf = (message: Uint8Array, other: Uint8Array) =>
    new Uint8Array([...message.subarray(0, 1), ...other.subarray(1, 17), ...message.subarray(17)]);

  it('do not mix: a reply of the other', () => {
    expect(outcomeOf(() => receiverOf(LINK, 'receiver first').onMessage(second.reply))).toBe(
      'ProtocolViolation',
    );
  });

  it('do not mix: a reply of the other under this run’s name', () => {
    const receiver = receiverOf(LINK, 'receiver first');
    const sender = senderOf(LINK, receiver.hello, 'sender first');
    receiver.onMessage(inRunOf(second.reply, receiver.hello));
    expect(outcomeOf(() => sender.onConfirm(receiver.confirm([])))).toBe('tampered');
  });

  it('do not mix: a confirmation of the other', () => {
    const { receiver, sender } = keyedPair(LINK);
    expect(outcomeOf(() => sender.onConfirm(inRunOf(second.confirm, receiver.hello)))).toBe('tampered');
  });

  it('do not mix: an acceptance of the other', () => {
    const { receiver } = acceptOf(LINK, OWNER);
    expect(outcomeOf(() => receiver.onMessage(inRunOf(second.accept, receiver.hello)))).toBe('tampered');
  });

  it('do not mix: a sealed message of the other', () => {
    const sealed = second.receiver.seal([OFFER]);
    expect(outcomeOf(() => first.sender.open(sealed))).toBe('tampered');
    expect(outcomeOf(() => first.sender.open(inRunOf(sealed, first.hello)))).toBe('tampered');
    expect(second.sender.open(sealed)).toEqual([OFFER]);
  });

  it('have nothing in common but the room', () => {
    const fingerprints = { sender: bytesFor('fpS', 32), receiver: bytesFor('fpR', 32) };
    expect(first.sender.laneProof('a', fingerprints)).not.toEqual(second.sender.laneProof('a', fingerprints));
  });
});

describe('calls out of turn', () => {
  it('are mistakes of the caller', () => {
    const receiver = receiverOf(LINK);
    expect(() => receiver.confirm([])).toThrow('confirm called at hello-sent');
    expect(() => senderOf(LINK, receiver.hello).accept([])).toThrow('accept called at reply-sent');
    const { sender } = keyedPair(LINK);
    expect(outcomeOf(() => sender.onConfirm(receiver.hello))).toBe('ProtocolViolation');
    expect(() => sender.accept([])).toThrow('accept called at over');
  });

  it('need random bytes of the right length', () => {
    const sid = bytesFor('sid', 16);
    const scalar = bytesFor('scalar', 32);
    expect(() => new ReceiverHandshake(LINK, { sid: sid.subarray(1), scalar })).toThrow(RangeError);
    expect(() => new ReceiverHandshake(LINK, { sid, scalar: scalar.subarray(1) })).toThrow(RangeError);
  });
});
