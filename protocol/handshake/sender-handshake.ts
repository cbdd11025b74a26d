import type { OwnerKey } from './owner-key.ts';
import type { SealedPayload } from './sealed-payload.ts';
import type { Secret } from './secret.ts';
import type { SecureSession } from './secure-session.ts';

/**
 * One run on the sender's side: hello in, reply out, confirm in, accept out. A throw ends it.
 * In code mode a guess is spent (`GuessLimit.admit`) and persisted before `reply` leaves.
 */
export class SenderHandshake {
  readonly run: string;
  /** Message 2. */
  readonly reply: Uint8Array<ArrayBuffer>;

  /**
   * @param hello message 1
   * @param randomScalar 32 fresh random bytes, never used for a second run
   * @throws TransferError `version-mismatch`, `tampered`
   * @throws ProtocolViolation
   */
  constructor(secret: Secret, owner: OwnerKey, hello: Uint8Array, randomScalar: Uint8Array) {
    throw new Error(`not yet: ${secret} ${owner} ${hello} ${randomScalar}`);
  }

  /**
   * Takes message 3: the receiver knows the secret. Returns its first payloads.
   * @throws TransferError `wrong-code`, `tampered`: answer with the refusal `failed`
   * @throws ProtocolViolation
   */
  onConfirm(message: Uint8Array): SealedPayload[] {
    throw new Error(`not yet: ${message}`);
  }

  /** Message 4, with the owner's proof and the first payloads, and the session. Call once, after `onConfirm`. */
  accept(payloads: readonly SealedPayload[]): { message: Uint8Array<ArrayBuffer>; session: SecureSession } {
    throw new Error(`not yet: ${payloads}`);
  }
}
