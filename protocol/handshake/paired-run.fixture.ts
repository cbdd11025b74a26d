import { expand } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Code, codeSecret } from './code.ts';
import { SID_BYTES } from './envelope.ts';
import { linkSecret } from './link.ts';
import { OwnerKey } from './owner-key.ts';
import { ReceiverHandshake } from './receiver-handshake.ts';
import type { SealedPayload } from './sealed-payload.ts';
import type { Secret } from './secret.ts';
import type { SecureSession } from './secure-session.ts';
import { SenderHandshake } from './sender-handshake.ts';

/** For tests: bytes that look random and are the same every time for one label. */
export function bytesFor(label: string, lengthBytes: number): Uint8Array {
  return expand(sha256, sha256(new TextEncoder().encode(label)), new Uint8Array(0), lengthBytes);
}

export const OWNER = new OwnerKey(bytesFor('owner', 32));
export const LINK = linkSecret(OWNER.k);
export const CODE: Code = { slot: 4821, words: ['apple', 'river', 'stone'] };
export const OTHER_CODE: Code = { slot: 4821, words: ['apple', 'river', 'story'] };

export const DELIVERY: SealedPayload = { type: 'delivery', id: 'AAECAwQFBgcICQoLDA0ODw' };
export const OFFER: SealedPayload = { type: 'offer', lane: 'a', sdp: 'v=0\r\n' };
export const ANSWER: SealedPayload = { type: 'answer', lane: 'a', sdp: 'v=0\r\ns=-\r\n' };

/** A receiver with random bytes of its own for every label. */
export function receiverOf(secret: Secret, label = 'receiver'): ReceiverHandshake {
  return new ReceiverHandshake(secret, {
    sid: bytesFor(`sid ${label}`, SID_BYTES),
    scalar: bytesFor(`scalar ${label}`, 32),
  });
}

/** A sender that answers `hello`, with random bytes of its own for every label. */
export function senderOf(
  secret: Secret,
  hello: Uint8Array,
  label = 'sender',
  owner = OWNER,
): SenderHandshake {
  return new SenderHandshake(secret, owner, hello, bytesFor(`scalar ${label}`, 32));
}

export interface PairedRun {
  readonly receiver: SecureSession;
  readonly sender: SecureSession;
  /** Messages 1 to 4 as they travelled. */
  readonly hello: Uint8Array;
  readonly reply: Uint8Array;
  readonly confirm: Uint8Array;
  readonly accept: Uint8Array;
  readonly toSender: SealedPayload[];
  readonly toReceiver: SealedPayload[];
}

/** A whole handshake, nobody in between: both sessions and what was said. */
export function pairedRun(secret: Secret = LINK, label = ''): PairedRun {
  const receiver = receiverOf(secret, `receiver ${label}`);
  const sender = senderOf(secret, receiver.hello, `sender ${label}`);
  receiver.onMessage(sender.reply);
  const confirm = receiver.confirm([OFFER]);
  const toSender = sender.onConfirm(confirm);
  const { message: accept, session } = sender.accept([ANSWER]);
  const step = receiver.onMessage(accept);
  if (step.type !== 'session') throw new Error('no session');
  return {
    receiver: step.session,
    sender: session,
    hello: receiver.hello,
    reply: sender.reply,
    confirm,
    accept,
    toSender,
    toReceiver: step.payloads,
  };
}

/** The secret behind `CODE`. */
export const CODE_SECRET = codeSecret(CODE);

/** The same message with one byte changed. */
export function flipped(message: Uint8Array, index: number, mask = 1): Uint8Array {
  const copy = message.slice();
  copy[index] = (copy[index] ?? 0) ^ mask;
  return copy;
}

/** What is thrown, by its code where it has one: for a test to say in one word. */
export function outcomeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof Error) return (error as { code?: string }).code ?? error.name;
    throw error;
  }
  return 'accepted';
}
