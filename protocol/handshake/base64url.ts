import { base64urlnopad } from '@scure/base';

/** Reads unpadded base64url of exactly `lengthBytes` bytes in its one canonical form, or null. */
export function decodeBase64url(text: string, lengthBytes: number): Uint8Array<ArrayBuffer> | null {
  if (text.length !== Math.ceil((lengthBytes * 4) / 3)) return null;
  try {
    // Throws for other characters and where the last character's unused bits are not zero.
    return Uint8Array.from(base64urlnopad.decode(text));
  } catch {
    return null;
  }
}

export function encodeBase64url(bytes: Uint8Array): string {
  return base64urlnopad.encode(bytes);
}
