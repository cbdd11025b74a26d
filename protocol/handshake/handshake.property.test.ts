import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolViolation, TransferError } from '../errors.ts';
import { codeSecret } from './code.ts';
import { readHeader } from './envelope.ts';
import { GuessLimit } from './guess-limit.ts';
import { inspectHello } from './hello.ts';
import {
  bytesFor,
  CODE_SECRET,
  flipped,
  LINK,
  OTHER_CODE,
  receiverOf,
  senderOf,
} from './paired-run.fixture.ts';
import type { ReceiverHandshake } from './receiver-handshake.ts';
import { type RefusalCode, refuse } from './refusal.ts';
import type { Secret } from './secret.ts';
import type { SecureSession } from './secure-session.ts';
import type { SenderHandshake } from './sender-handshake.ts';

/**
 * One sender and up to three receivers, with all that they say in the hands of the server: it delivers in order as long
 * as it is honest, else any of it, changed or not, to anyone, any number of times.
 */
class HostileServer {
  readonly said: { readonly by: 'sender' | 'receiver'; readonly message: Uint8Array }[] = [];
  readonly receivers: ReceiverHandshake[] = [];
  readonly atReceivers: SecureSession[] = [];
  readonly atSender: SecureSession[] = [];
  readonly guesses = new GuessLimit();
  readonly #senderSecret: Secret;
  readonly #runs = new Map<string, SenderHandshake>();
  #delivered = 0;
  #replies = 0;

  constructor(senderSecret: Secret) {
    this.#senderSecret = senderSecret;
  }

  startReceiver(secret: Secret): void {
    const receiver = receiverOf(secret, `receiver ${this.receivers.length}`);
    this.receivers.push(receiver);
    this.said.push({ by: 'receiver', message: receiver.hello });
  }

  deliverNext(): void {
    const next = this.said[this.#delivered];
    if (!next) return;
    this.#delivered++;
    if (next.by === 'receiver') this.toSender(next.message);
    else
      this.toReceiver(
        this.receivers.find(({ run }) => run === readHeader(next.message).run),
        next.message,
      );
  }

  dropNext(): void {
    this.#delivered = Math.min(this.#delivered + 1, this.said.length);
  }

  /** What the specification has a sender do with a message that comes. */
  toSender(message: Uint8Array): void {
    const { type, run } = readHeader(message);
    const sender = this.#runs.get(run);
    if (type === 'hello' && !sender) this.#greet(message, run);
    if (type === 'confirm' && sender) this.#confirmed(message, run, sender);
  }

  toReceiver(receiver: ReceiverHandshake | undefined, message: Uint8Array): void {
    if (!receiver) return;
    const step = receiver.onMessage(message);
    if (step.type === 'keyed') this.said.push({ by: 'receiver', message: receiver.confirm([]) });
    else this.atReceivers.push(step.session);
  }

  #greet(message: Uint8Array, run: string): void {
    const refusal = inspectHello(message).version === null ? 'version-mismatch' : this.#admit(run);
    if (refusal !== null) {
      this.#say(refuse(message, refusal));
      return;
    }
    try {
      const sender = senderOf(this.#senderSecret, message, `sender ${this.#replies++}`);
      this.#runs.set(run, sender);
      this.#say(sender.reply);
    } catch (error) {
      this.guesses.abandon(run);
      throw error;
    }
  }

  #admit(run: string): RefusalCode | null {
    const admission = this.#senderSecret.mode === 'link' ? 'admitted' : this.guesses.admit(run);
    return admission === 'admitted' ? null : admission;
  }

  #confirmed(message: Uint8Array, run: string, sender: SenderHandshake): void {
    this.#runs.delete(run);
    try {
      sender.onConfirm(message);
    } catch (error) {
      this.guesses.abandon(run);
      this.#say(refuse(message, 'failed'));
      throw error;
    }
    if (this.#senderSecret.mode === 'code') this.guesses.succeed(run);
    const { message: accept, session } = sender.accept([]);
    this.atSender.push(session);
    this.#say(accept);
  }

  #say(message: Uint8Array): void {
    this.said.push({ by: 'sender', message });
  }
}

type Step =
  | { readonly act: 'start' }
  | { readonly act: 'deliver' }
  | { readonly act: 'drop' }
  | { readonly act: 'replay'; readonly which: number; readonly to: number; readonly flip: number | null };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ act: 'start' as const }) },
  { weight: 8, arbitrary: fc.constant({ act: 'deliver' as const }) },
  { weight: 1, arbitrary: fc.constant({ act: 'drop' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant('replay' as const),
      which: fc.nat(20),
      to: fc.nat(3),
      flip: fc.option(fc.nat(4000)),
    }),
  },
);
const steps = fc.array(step, { minLength: 4, maxLength: 30 });

function play(
  senderSecret: Secret,
  receiverSecrets: readonly Secret[],
  actions: readonly Step[],
): HostileServer {
  const server = new HostileServer(senderSecret);
  for (const action of [{ act: 'start' } as const, ...actions]) {
    try {
      act(server, action, receiverSecrets);
    } catch (error) {
      if (!(error instanceof TransferError)) expect(error).toBeInstanceOf(ProtocolViolation);
    }
  }
  return server;
}

function act(server: HostileServer, action: Step, receiverSecrets: readonly Secret[]): void {
  if (action.act === 'start') {
    const secret = receiverSecrets[server.receivers.length];
    if (secret) server.startReceiver(secret);
  } else if (action.act === 'deliver') {
    server.deliverNext();
  } else if (action.act === 'drop') {
    server.dropNext();
  } else {
    const { message } = server.said[action.which % server.said.length] ?? { message: new Uint8Array(0) };
    const { flip } = action;
    const delivered = flip === null ? message : flipped(message, flip % message.length, 1 << (flip % 8));
    if (action.to === 3) server.toSender(delivered);
    else server.toReceiver(server.receivers[action.to], delivered);
  }
}

const FINGERPRINTS = { sender: bytesFor('fpS', 32), receiver: bytesFor('fpR', 32) };
const agree = (one: SecureSession, other: SecureSession) =>
  one.checkLaneProof('a', FINGERPRINTS, other.laneProof('a', FINGERPRINTS));

describe('whatever the server does with what is said', () => {
  it('both ends of every session agree, and no run makes two', () => {
    let sessions = 0;
    fc.assert(
      fc.property(steps, (actions) => {
        const server = play(LINK, [LINK, LINK, LINK], actions);
        const runs = server.atReceivers.map((session) => session.run);
        expect(new Set(runs).size).toBe(runs.length);
        for (const session of server.atReceivers) {
          const peers = server.atSender.filter((other) => agree(session, other));
          expect(peers.map((peer) => peer.run)).toEqual([session.run]);
          sessions++;
        }
      }),
      { numRuns: 100 },
    );
    // Else the property would hold of nothing.
    expect(sessions).toBeGreaterThan(0);
  }, 30_000);

  it('a code makes one session and takes three guesses at most, right or wrong', () => {
    const wrong = codeSecret(OTHER_CODE);
    let contested = 0;
    let sessions = 0;
    fc.assert(
      fc.property(
        steps,
        fc.array(fc.constantFrom(wrong, CODE_SECRET), { minLength: 3, maxLength: 3 }),
        (actions, secrets) => {
          const server = play(CODE_SECRET, secrets, actions);
          expect(server.atSender.length).toBeLessThanOrEqual(1);
          expect(server.atReceivers.length).toBeLessThanOrEqual(server.atSender.length);
          expect(server.guesses.record.guessesSpent).toBeLessThanOrEqual(3);
          expect(server.guesses.record.used).toBe(server.atSender.length === 1);
          if (server.guesses.record.guessesSpent > 1) contested++;
          sessions += server.atReceivers.length;
        },
      ),
      { numRuns: 100 },
    );
    expect(contested).toBeGreaterThan(0);
    expect(sessions).toBeGreaterThan(0);
  }, 30_000);
});

describe('a byte changed on the way', () => {
  it.each([
    ['link', LINK],
    ['code', CODE_SECRET],
  ])('of hello or reply makes no session by %s, whichever it is', (_, secret) => {
    const sender = senderOf(secret, receiverOf(secret).hello);
    for (let index = 0; index < receiverOf(secret).hello.length; index++) {
      expect(sessionsWith(secret, 'hello', index, 1)).toEqual({ atSender: 0, atReceiver: 0 });
    }
    for (let index = 0; index < sender.reply.length; index++) {
      expect(sessionsWith(secret, 'reply', index, 1)).toEqual({ atSender: 0, atReceiver: 0 });
    }
  });

  it('of confirm or accept makes no session at whom it reaches', () => {
    fc.assert(
      fc.property(fc.constantFrom('confirm', 'accept'), fc.nat(600), fc.nat(7), (type, index, bit) => {
        expect(sessionsWith(LINK, type, index, 1 << bit)).toEqual({
          atSender: type === 'accept' ? 1 : 0,
          atReceiver: 0,
        });
      }),
      { numRuns: 100 },
    );
  });

  /** An honest server but for one byte of one message. */
  function sessionsWith(secret: Secret, type: string, index: number, mask: number) {
    const relay = (message: Uint8Array, name: string) =>
      name === type ? flipped(message, index % message.length, mask) : message;
    const count = { atSender: 0, atReceiver: 0 };
    try {
      const receiver = receiverOf(secret);
      const sender = senderOf(secret, relay(receiver.hello, 'hello'));
      receiver.onMessage(relay(sender.reply, 'reply'));
      sender.onConfirm(relay(receiver.confirm([]), 'confirm'));
      const { message } = sender.accept([]);
      count.atSender++;
      if (receiver.onMessage(relay(message, 'accept')).type === 'session') count.atReceiver++;
    } catch (error) {
      if (!(error instanceof TransferError)) expect(error).toBeInstanceOf(ProtocolViolation);
    }
    return count;
  }
});
