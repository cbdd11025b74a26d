import { gcm } from '@noble/ciphers/aes.js';
import { ProtocolViolation, TransferError } from '../errors.ts';
import { MAX_PLAINTEXT_BYTES, PADDING_BYTES } from './limits.ts';
import { concat, lv } from './lv.ts';
import { otherRole, type Role } from './role.ts';

/** Where a channel's messages belong: what is not meant for here does not open here. */
export interface Place {
  readonly room: Uint8Array;
  /** The run's name: every handshake has its own, so nothing of an earlier one opens in a later one. */
  readonly sid: Uint8Array;
}

const SEQ_BYTES = 8;
const TAG_BYTES = 16;
const LENGTH_BYTES = 4;
const DIRECTION = { receiver: 'RS', sender: 'SR' } as const;

/** Seals byte strings to the peer and opens the peer's: each once, in order, in their own direction, room and run. */
export class SealedChannel {
  readonly #role: Role;
  readonly #keys: Readonly<Record<Role, Uint8Array>>;
  readonly #place: Place;
  #nextSeq = 0n;
  #lastOpenedSeq = -1n;

  /** @param keys by the role that seals with it */
  constructor(role: Role, keys: Readonly<Record<Role, Uint8Array>>, place: Place) {
    this.#role = role;
    this.#keys = keys;
    this.#place = place;
  }

  /** seq8 || ciphertext and tag. @throws RangeError for more than one message holds */
  seal(plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
    const padded = pad(plaintext);
    const seq = encodeSeq(this.#nextSeq++);
    return concat(seq, this.#cipher(this.#role, seq).encrypt(padded));
  }

  /**
   * A throw leaves the channel as it was.
   * @throws TransferError `tampered` for what the peer did not seal for this place, or what has been opened already
   * @throws ProtocolViolation for padding that the peer should not have made
   */
  open(sealed: Uint8Array): Uint8Array {
    const paddedBytes = sealed.length - SEQ_BYTES - TAG_BYTES;
    if (paddedBytes <= 0 || paddedBytes > MAX_PLAINTEXT_BYTES || paddedBytes % PADDING_BYTES !== 0) {
      throw new TransferError('tampered', `a sealed message of ${sealed.length} bytes`);
    }
    const seq = sealed.slice(0, SEQ_BYTES);
    const number = new DataView(seq.buffer).getBigUint64(0);
    if (number <= this.#lastOpenedSeq)
      throw new TransferError('tampered', `sealed message ${number} was replayed`);
    const padded = this.#decrypt(seq, sealed.subarray(SEQ_BYTES));
    const plaintext = unpad(padded);
    this.#lastOpenedSeq = number;
    return plaintext;
  }

  #decrypt(seq: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    try {
      return this.#cipher(otherRole(this.#role), seq).decrypt(ciphertext);
    } catch {
      throw new TransferError('tampered', 'a sealed message does not open');
    }
  }

  #cipher(from: Role, seq: Uint8Array) {
    const nonce = concat(new Uint8Array(4), seq);
    return gcm(this.#keys[from], nonce, lv(this.#place.room, DIRECTION[from], this.#place.sid, seq));
  }
}

function encodeSeq(seq: bigint): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SEQ_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, seq);
  return bytes;
}

/** Length, plaintext, zeros up to the next multiple: one plaintext has one padded form. */
function pad(plaintext: Uint8Array): Uint8Array {
  const padded = new Uint8Array(paddedLength(plaintext.length));
  if (padded.length > MAX_PLAINTEXT_BYTES)
    throw new RangeError(`${plaintext.length} bytes do not fit one sealed message`);
  new DataView(padded.buffer).setUint32(0, plaintext.length);
  padded.set(plaintext, LENGTH_BYTES);
  return padded;
}

function unpad(padded: Uint8Array): Uint8Array {
  const length = new DataView(padded.buffer, padded.byteOffset).getUint32(0);
  const end = LENGTH_BYTES + length;
  if (paddedLength(length) !== padded.length || padded.subarray(end).some((byte) => byte !== 0)) {
    throw new ProtocolViolation('a sealed message with bad padding');
  }
  return padded.subarray(LENGTH_BYTES, end);
}

function paddedLength(lengthBytes: number): number {
  return Math.ceil((LENGTH_BYTES + lengthBytes) / PADDING_BYTES) * PADDING_BYTES;
}
