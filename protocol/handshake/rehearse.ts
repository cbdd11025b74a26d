import { linkSecret } from './link.ts';
import { OwnerKey } from './owner-key.ts';
import { ReceiverHandshake } from './receiver-handshake.ts';
import { SenderHandshake } from './sender-handshake.ts';

/** By then an engine has compiled what it compiles soon: 48 ms of processor time for the sender's side, then 14. */
const TIMES = 2;

/**
 * Runs the handshake with itself, for nothing but that an engine has seen its code before somebody waits for it: without,
 * the first receiver of a page waits three times as long for the sender's arithmetic as the third.
 * @param randomBytes cryptographically strong or not: nothing of it is used
 */
export function rehearseHandshake(randomBytes: (lengthBytes: number) => Uint8Array): void {
  const owner = new OwnerKey(randomBytes(32));
  const secret = linkSecret(owner.k);
  for (let time = 0; time < TIMES; time += 1) {
    const receiver = new ReceiverHandshake(secret, { sid: randomBytes(16), scalar: randomBytes(32) });
    const sender = new SenderHandshake(secret, owner, receiver.hello, randomBytes(32));
    receiver.onMessage(sender.reply);
    const delivery = { type: 'delivery', id: 'AAAAAAAAAAAAAAAAAAAAAA' } as const;
    sender.onConfirm(receiver.confirm([delivery, { type: 'offer', lane: '0', sdp: '-' }]));
    receiver.onMessage(sender.accept([{ type: 'answer', lane: '0', sdp: '-' }]).message);
  }
}
