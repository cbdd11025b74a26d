import { equalBytes } from '@noble/ciphers/utils.js';
import { ProtocolViolation, TransferError } from '../errors.ts';
import { cpaceKey, cpaceShare } from './cpace.ts';
import { unwrap, wrap } from './envelope.ts';
import { associatedData, parseHalf } from './hello.ts';
import { deriveKeys } from './key-schedule.ts';
import { cpaceInput, KeyedRun } from './keyed-run.ts';
import { lv } from './lv.ts';
import type { OwnerKey } from './owner-key.ts';
import { encodeAccept, parseConfirm, type SealedPayload } from './sealed-payload.ts';
import type { Secret } from './secret.ts';
import type { SecureSession } from './secure-session.ts';

type State = 'reply-sent' | 'confirmed' | 'over';

/**
 * One run on the sender's side: hello in, reply out, confirm in, accept out. Every throw ends it.
 * In code mode a guess is spent (`GuessLimit.admit`) and persisted before `reply` leaves.
 * @see docs/handshake.md
 */
export class SenderHandshake {
  /** Names this run; messages of others are not for it. */
  readonly run: string;
  /** Message 2. */
  readonly reply: Uint8Array<ArrayBuffer>;
  readonly #owner: OwnerKey;
  readonly #keyed: KeyedRun;
  #state: State = 'reply-sent';

  /**
   * @param hello message 1
   * @param randomScalar 32 fresh random bytes, never used for a second run
   * @throws TransferError `version-mismatch`, `tampered`
   * @throws ProtocolViolation
   */
  constructor(secret: Secret, owner: OwnerKey, hello: Uint8Array, randomScalar: Uint8Array) {
    const envelope = unwrap(hello);
    const peer = parseHalf(envelope, 'hello', 'receiver');
    if (peer.version === null)
      throw new TransferError('version-mismatch', 'the receiver speaks no version of ours');
    const sid = envelope.sid.slice();
    const ad = associatedData('sender');
    const { scalar, share } = cpaceShare(cpaceInput(secret, sid), randomScalar);
    if (equalBytes(peer.share, share)) throw new TransferError('tampered', 'our own share came back');
    const isk = cpaceKey(scalar, peer.share, sid, { ya: peer.share, ada: peer.ad, yb: share, adb: ad });
    this.run = envelope.run;
    this.reply = wrap('reply', sid, lv(share, ad));
    this.#owner = owner;
    this.#keyed = new KeyedRun('sender', secret, sid, peer.version, deriveKeys(isk, hello, this.reply));
  }

  /**
   * Takes message 3: the receiver knows the secret. Returns its first payloads.
   * @throws TransferError `wrong-code`, `tampered`: answer with the refusal `failed`
   * @throws ProtocolViolation for a message that is out of form, out of turn or of another run
   */
  onConfirm(message: Uint8Array): SealedPayload[] {
    const state = this.#state;
    this.#state = 'over';
    const envelope = unwrap(message);
    if (envelope.run !== this.run) throw new ProtocolViolation('a message of another run');
    if (envelope.type !== 'confirm' || state !== 'reply-sent') {
      throw new ProtocolViolation(`a message ${envelope.type} at ${state}`);
    }
    const payloads = parseConfirm(this.#keyed.openConfirmation(envelope));
    this.#state = 'confirmed';
    return payloads;
  }

  /**
   * Message 4, with the owner's proof and the first payloads in it, and the session. Call once, after `onConfirm`.
   * @throws RangeError for more payloads than one message holds
   */
  accept(payloads: readonly SealedPayload[]): { message: Uint8Array<ArrayBuffer>; session: SecureSession } {
    if (this.#state !== 'confirmed') throw new Error(`accept called at ${this.#state}`);
    const { publicKey } = this.#owner;
    const signature = this.#owner.sign(this.#keyed.keys.th);
    const message = this.#keyed.confirm(encodeAccept({ publicKey, signature }, payloads));
    this.#state = 'over';
    return { message, session: this.#keyed.session(this.run, this.#owner.k) };
  }
}
