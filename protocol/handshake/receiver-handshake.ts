import type { SealedPayload } from './sealed-payload.ts';
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

/** One run on the receiver's side: hello out, reply in, confirm out, accept in. A throw ends it. */
export class ReceiverHandshake {
  readonly run: string;
  /** Message 1. */
  readonly hello: Uint8Array<ArrayBuffer>;

  constructor(secret: Secret, random: ReceiverRandom) {
    throw new Error(`not yet: ${secret} ${random}`);
  }

  /**
   * Takes a message of this run.
   * @throws TransferError `wrong-code`, `tampered`, `impostor`, `version-mismatch`, `code-used`, `room-full`
   * @throws ProtocolViolation
   */
  onMessage(message: Uint8Array): ReceiverStep {
    throw new Error(`not yet: ${message}`);
  }

  /** Message 3, with the first sealed payloads in it. Call once, after the step `keyed`. */
  confirm(payloads: readonly SealedPayload[]): Uint8Array<ArrayBuffer> {
    throw new Error(`not yet: ${payloads}`);
  }
}
