import { equalBytes } from '@noble/ciphers/utils.js';
import { ProtocolViolation, TransferError } from '../errors.ts';
import { encodeBase64url } from './base64url.ts';
import { cpaceKey, cpaceShare } from './cpace.ts';
import { type Envelope, SID_BYTES, unwrap, wrap } from './envelope.ts';
import { associatedData, parseHalf } from './hello.ts';
import { deriveKeys } from './key-schedule.ts';
import { cpaceInput, KeyedRun } from './keyed-run.ts';
import { lv } from './lv.ts';
import { isSignedByOwner, ownerFingerprint } from './owner-key.ts';
import { refusalError } from './refusal.ts';
import { encodePayloads, type OwnerProof, parseAccept, type SealedPayload } from './sealed-payload.ts';
import type { Secret } from './secret.ts';
import type { SecureSession } from './secure-session.ts';

/** Fresh random bytes of one run; never used for a second one. */
export interface ReceiverRandom {
  /** 16 bytes: the run's name. */
  readonly sid: Uint8Array;
  /** 32 bytes. */
  readonly scalar: Uint8Array;
}

export type ReceiverStep =
  /** Message 2 was taken: call `confirm` with the first payloads. */
  | { readonly type: 'keyed' }
  /** Message 4 was taken: the owner is proven and the session stands. */
  | { readonly type: 'session'; readonly session: SecureSession; readonly payloads: SealedPayload[] };

type State =
  | { readonly at: 'hello-sent'; readonly scalar: bigint; readonly share: Uint8Array }
  | { readonly at: 'keyed'; readonly keyed: KeyedRun }
  | { readonly at: 'confirm-sent'; readonly keyed: KeyedRun }
  | { readonly at: 'over' };

/**
 * One run on the receiver's side: hello out, reply in, confirm out, accept in. Every throw ends it.
 * @see docs/handshake.md
 */
export class ReceiverHandshake {
  /** Names this run; messages of others are not for it. */
  readonly run: string;
  /** Message 1. */
  readonly hello: Uint8Array<ArrayBuffer>;
  readonly #secret: Secret;
  readonly #sid: Uint8Array;
  readonly #ad = associatedData('receiver');
  #state: State;

  constructor(secret: Secret, random: ReceiverRandom) {
    if (random.sid.length !== SID_BYTES) throw new RangeError(`a run's name takes ${SID_BYTES} random bytes`);
    this.#secret = secret;
    this.#sid = random.sid.slice();
    this.run = encodeBase64url(this.#sid);
    const { scalar, share } = cpaceShare(cpaceInput(secret, this.#sid), random.scalar);
    this.hello = wrap('hello', this.#sid, lv(share, this.#ad));
    this.#state = { at: 'hello-sent', scalar, share };
  }

  /**
   * Takes a message of this run.
   * @throws TransferError `wrong-code`, `tampered`, `impostor`, `version-mismatch`, `code-used`, `room-full` (busy)
   * @throws ProtocolViolation for a message that is out of form, out of turn or of another run
   */
  onMessage(message: Uint8Array): ReceiverStep {
    const state = this.#state;
    this.#state = { at: 'over' };
    const envelope = unwrap(message);
    if (envelope.run !== this.run) throw new ProtocolViolation('a message of another run');
    if (envelope.type === 'refuse' && state.at !== 'over') throw refusalError(envelope, this.#secret.mode);
    if (envelope.type === 'reply' && state.at === 'hello-sent') {
      this.#state = { at: 'keyed', keyed: this.#takeReply(envelope, message, state) };
      return { type: 'keyed' };
    }
    if (envelope.type === 'accept' && state.at === 'confirm-sent')
      return this.#takeAccept(envelope, state.keyed);
    throw new ProtocolViolation(`a message ${envelope.type} at ${state.at}`);
  }

  /**
   * Message 3, with the first sealed payloads in it. Call once, after the step `keyed`.
   * @throws RangeError for more payloads than one message holds
   */
  confirm(payloads: readonly SealedPayload[]): Uint8Array<ArrayBuffer> {
    if (this.#state.at !== 'keyed') throw new Error(`confirm called at ${this.#state.at}`);
    const { keyed } = this.#state;
    const message = keyed.confirm(encodePayloads(payloads));
    this.#state = { at: 'confirm-sent', keyed };
    return message;
  }

  #takeReply(envelope: Envelope, message: Uint8Array, own: { scalar: bigint; share: Uint8Array }): KeyedRun {
    const { share, ad, version } = parseHalf(envelope, 'reply', 'sender');
    if (version === null) throw new TransferError('version-mismatch', 'the sender speaks no version of ours');
    if (equalBytes(share, own.share)) throw new TransferError('tampered', 'our own share came back');
    const isk = cpaceKey(own.scalar, share, this.#sid, { ya: own.share, ada: this.#ad, yb: share, adb: ad });
    return new KeyedRun('receiver', this.#secret, this.#sid, version, deriveKeys(isk, this.hello, message));
  }

  #takeAccept(envelope: Envelope, keyed: KeyedRun): ReceiverStep {
    const { owner, payloads } = parseAccept(keyed.openConfirmation(envelope));
    return {
      type: 'session',
      session: keyed.session(this.run, this.#proveOwner(owner, keyed.keys.th)),
      payloads,
    };
  }

  /** Whoever holds a link can come this far: only the private key behind K makes an owner. Gives K. */
  #proveOwner({ publicKey, signature }: OwnerProof, th: Uint8Array): Uint8Array {
    const k = ownerFingerprint(publicKey);
    if (this.#secret.mode === 'link' && !equalBytes(k, this.#secret.k)) {
      throw new TransferError('impostor', 'the key is not the one that the link names');
    }
    if (!isSignedByOwner(publicKey, signature, th)) {
      throw new TransferError('impostor', 'the signature is not by the key that came with it');
    }
    return k;
  }
}
