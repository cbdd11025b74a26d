import { ATTRIBUTE, type Attribute, padded } from './attribute.ts';
import { readUint16, writeUint16 } from './big-endian.ts';
import { findAttribute, type StunMessage } from './message.ts';

/** IANA's STUN password algorithms. @see RFC 8489 section 18.5 */
export const PASSWORD_ALGORITHM = { MD5: 0x0001, 'SHA-256': 0x0002 } as const;

/** `algorithm` is IANA's number. Neither registered algorithm has parameters. */
export interface PasswordAlgorithm {
  readonly algorithm: number;
  readonly parameters: Uint8Array;
}

const ENTRY_HEADER_BYTES = 4;

/** The one that a client chose. @see RFC 8489 section 14.12 */
export function passwordAlgorithm(entry: PasswordAlgorithm): Attribute {
  return { type: ATTRIBUTE['PASSWORD-ALGORITHM'], value: encodeEntries([entry]) };
}

/** Those that a server offers, best first. @see RFC 8489 section 14.11 */
export function passwordAlgorithms(entries: readonly PasswordAlgorithm[]): Attribute {
  return { type: ATTRIBUTE['PASSWORD-ALGORITHMS'], value: encodeEntries(entries) };
}

/** @returns null where it is absent, malformed or not exactly one. */
export function readPasswordAlgorithm(message: StunMessage): PasswordAlgorithm | null {
  const entries = readEntries(message, ATTRIBUTE['PASSWORD-ALGORITHM']);
  return entries?.length === 1 ? (entries[0] ?? null) : null;
}

/** @returns null where it is absent or malformed. */
export function readPasswordAlgorithms(message: StunMessage): PasswordAlgorithm[] | null {
  return readEntries(message, ATTRIBUTE['PASSWORD-ALGORITHMS']);
}

function encodeEntries(entries: readonly PasswordAlgorithm[]): Uint8Array {
  const sizeBytes = entries.reduce(
    (sum, { parameters }) => sum + ENTRY_HEADER_BYTES + padded(parameters.length),
    0,
  );
  const value = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const { algorithm, parameters } of entries) {
    writeUint16(value, offset, algorithm);
    writeUint16(value, offset + 2, parameters.length);
    value.set(parameters, offset + ENTRY_HEADER_BYTES);
    offset += ENTRY_HEADER_BYTES + padded(parameters.length);
  }
  return value;
}

function readEntries(message: StunMessage, type: number): PasswordAlgorithm[] | null {
  const value = findAttribute(message, type)?.value;
  if (value === undefined || value.length % 4 !== 0) return null;
  const entries: PasswordAlgorithm[] = [];
  let offset = 0;
  while (offset < value.length) {
    const start = offset + ENTRY_HEADER_BYTES;
    const end = start + readUint16(value, offset + 2);
    if (end > value.length) return null;
    entries.push({ algorithm: readUint16(value, offset), parameters: value.subarray(start, end) });
    offset = padded(end);
  }
  return entries;
}
