import { equalBytes } from '@noble/ciphers/utils.js';
import { TransferError } from '../errors.ts';
import type { CpaceInput } from './cpace.ts';
import { type Envelope, wrap } from './envelope.ts';
import { confirmation, type RunKeys } from './key-schedule.ts';
import { lv, parseLv } from './lv.ts';
import { otherRole, type Role } from './role.ts';
import { SealedChannel } from './sealed-channel.ts';
import type { Secret } from './secret.ts';
import { SecureSession } from './secure-session.ts';

const OWN_MESSAGE = { receiver: 'confirm', sender: 'accept' } as const;

/** What CPace takes of a secret in one run. */
export function cpaceInput({ mode, prs, room }: Secret, sid: Uint8Array): CpaceInput {
  return { prs, ci: lv('sp1', mode, room), sid };
}

/** One side of a run that has keys and has not yet seen that the other side has the same. */
export class KeyedRun {
  readonly keys: RunKeys;
  readonly #role: Role;
  readonly #mode: Secret['mode'];
  readonly #sid: Uint8Array;
  readonly #version: number;
  readonly #channel: SealedChannel;

  constructor(role: Role, secret: Secret, sid: Uint8Array, version: number, keys: RunKeys) {
    this.keys = keys;
    this.#role = role;
    this.#mode = secret.mode;
    this.#sid = sid;
    this.#version = version;
    this.#channel = new SealedChannel(role, keys.seal, { room: secret.room, sid });
  }

  /** Message 3 or 4: that this side has the keys, and the first that it seals with them. */
  confirm(plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
    const body = lv(confirmation(this.keys, this.#role), this.#channel.seal(plaintext));
    return wrap(OWN_MESSAGE[this.#role], this.#sid, body);
  }

  /**
   * Takes the other side's message 3 or 4 and gives the plaintext in it.
   * @throws TransferError `wrong-code` where its code is another, `tampered`
   * @throws ProtocolViolation
   */
  openConfirmation({ body }: Envelope): Uint8Array {
    const [mac, sealed] = parseLv(body, ['confirmation', 'sealed payloads']);
    if (!equalBytes(mac, confirmation(this.keys, otherRole(this.#role)))) {
      const code = this.#mode === 'code' ? 'wrong-code' : 'tampered';
      throw new TransferError(code, 'the other side does not have the same keys');
    }
    return this.#channel.open(sealed);
  }

  /** The session, once both sides have confirmed. @param k the share's, proven */
  session(run: string, k: Uint8Array): SecureSession {
    return new SecureSession({
      role: this.#role,
      run,
      sid: this.#sid,
      k,
      version: this.#version,
      channel: this.#channel,
      bindKey: this.keys.bind,
      tlsKey: this.keys.tls,
    });
  }
}
