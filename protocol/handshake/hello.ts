import { ProtocolViolation, TransferError } from '../errors.ts';
import { type Envelope, unwrap } from './envelope.ts';
import { MAX_CAPABILITIES_BYTES, MAX_VERSIONS } from './limits.ts';
import { lv, parseLv } from './lv.ts';
import { ROLE_TAG, type Role } from './role.ts';

/** The versions of the handshake and of the transfer protocol above it that this build speaks, ascending. */
export const VERSIONS: readonly number[] = [4];

/** What a sender may know of message 1 before it spends anything on it. */
export interface Hello {
  readonly run: string;
  /** The highest version that both sides speak, or null: answer with the refusal `version-mismatch`. */
  readonly version: number | null;
}

/** A side's half of the exchange: its CPace share, its associated data, and the version that follows from it. */
export interface Half {
  readonly share: Uint8Array;
  readonly ad: Uint8Array;
  readonly version: number | null;
}

/**
 * Reads message 1 without any cryptography: what no version of it will move.
 * @throws ProtocolViolation
 * @throws TransferError `tampered` for a message of a sender's own making come back
 */
export function inspectHello(message: Uint8Array): Hello {
  const envelope = unwrap(message);
  return { run: envelope.run, version: parseHalf(envelope, 'hello', 'receiver').version };
}

/** The associated data of one side. */
export function associatedData(role: Role): Uint8Array {
  return lv(ROLE_TAG[role], Uint8Array.from(VERSIONS), new Uint8Array(0));
}

/** Message 1 or 2, from the peer in `role`. @throws ProtocolViolation @throws TransferError `tampered` */
export function parseHalf(envelope: Envelope, type: 'hello' | 'reply', role: Role): Half {
  if (envelope.type !== type) throw new ProtocolViolation(`a message ${envelope.type} in place of ${type}`);
  const [share, ad] = parseLv(envelope.body, ['share', 'associated data']);
  const [tag, versions, capabilities] = parseLv(ad, ['role', 'versions', 'capabilities']);
  if (tag.length !== 1 || tag[0] !== ROLE_TAG[role].charCodeAt(0)) {
    throw new TransferError('tampered', `a ${type} that does not come from a ${role}`);
  }
  if (versions.length === 0 || versions.length > MAX_VERSIONS || !isAscending(versions)) {
    throw new ProtocolViolation('a list of versions that is empty, too long or out of order');
  }
  if (capabilities.length > MAX_CAPABILITIES_BYTES) throw new ProtocolViolation('too many capabilities');
  return { share, ad, version: VERSIONS.findLast((version) => versions.includes(version)) ?? null };
}

function isAscending(bytes: Uint8Array): boolean {
  return bytes.every((byte, index) => index === 0 || byte > (bytes[index - 1] ?? 0));
}
