import { ProtocolViolation } from '../errors.ts';

const encoder = new TextEncoder();

/** The most bytes that a length takes here: three of LEB128 reach 2,097,151, above every message. */
const MAX_LENGTH_BYTES = 3;

/**
 * The draft's `lv_cat`: every part with its length before it (LEB128), so that no two lists of parts read alike.
 * Strings stand for their UTF-8.
 * @see draft-irtf-cfrg-cpace, appendix A.1
 */
export function lv(...parts: readonly (Uint8Array | string)[]): Uint8Array<ArrayBuffer> {
  const chunks = parts.flatMap((part) => {
    const value = typeof part === 'string' ? encoder.encode(part) : part;
    return [lengthBytes(value.length), value];
  });
  return concat(...chunks);
}

/** Puts byte strings one after the other: for parts of fixed length, where `lv` would add nothing. */
export function concat(...chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/**
 * Takes apart what `lv` made of exactly these parts. Only the shortest form of a length is taken: one byte string
 * has one reading and one writing. The parts are views of `bytes`.
 * @throws ProtocolViolation
 */
export function parseLv<const Names extends readonly string[]>(
  bytes: Uint8Array,
  names: Names,
): { readonly [Index in keyof Names]: Uint8Array } {
  let at = 0;
  const parts = names.map((name) => {
    const { length, next } = readLength(bytes, at, name);
    if (length > bytes.length - next) throw new ProtocolViolation(`${name} runs past the end of its message`);
    at = next + length;
    return bytes.subarray(next, at);
  });
  if (at !== bytes.length) throw new ProtocolViolation(`bytes left over after ${names.at(-1)}`);
  return parts as { readonly [Index in keyof Names]: Uint8Array };
}

function lengthBytes(length: number): Uint8Array {
  const bytes: number[] = [];
  let rest = length;
  while (rest >= 128) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Uint8Array.of(...bytes, rest);
}

function readLength(bytes: Uint8Array, start: number, name: string): { length: number; next: number } {
  let length = 0;
  for (let index = 0; index < MAX_LENGTH_BYTES; index++) {
    const byte = bytes[start + index];
    if (byte === undefined) throw new ProtocolViolation(`${name} is missing`);
    length |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) {
      if (byte === 0 && index > 0)
        throw new ProtocolViolation(`the length of ${name} is not in its shortest form`);
      return { length, next: start + index + 1 };
    }
  }
  throw new ProtocolViolation(`the length of ${name} is too large`);
}
