import { ATTRIBUTE, type Attribute, attributesBytes, readAttributes, writeAttributes } from './attribute.ts';
import { findAttribute, type StunMessage } from './message.ts';

/** IANA's STUN password algorithms. @see RFC 8489 section 18.5 */
export const PASSWORD_ALGORITHM = { MD5: 0x0001, 'SHA-256': 0x0002 } as const;

/** `algorithm` is IANA's number. Neither registered algorithm has parameters. */
export interface PasswordAlgorithm {
  readonly algorithm: number;
  readonly parameters: Uint8Array;
}

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

/** An entry has the form of an attribute: number, length, parameters, padding (RFC 8489 figure 11). */
function encodeEntries(entries: readonly PasswordAlgorithm[]): Uint8Array {
  const attributes = entries.map(({ algorithm, parameters }) => ({ type: algorithm, value: parameters }));
  const value = new Uint8Array(attributesBytes(attributes));
  writeAttributes(value, 0, attributes);
  return value;
}

function readEntries(message: StunMessage, type: number): PasswordAlgorithm[] | null {
  const value = findAttribute(message, type)?.value;
  if (value === undefined || value.length % 4 !== 0) return null;
  const entries = readAttributes(value, 0);
  return entries?.map((entry) => ({ algorithm: entry.type, parameters: entry.value })) ?? null;
}
