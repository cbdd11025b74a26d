import type { CodeSecret } from './secret.ts';

/** A short code, taken apart. */
export interface Code {
  /** The number of the room: 1 to 9,999,999. */
  readonly slot: number;
  readonly words: readonly [string, string, string];
}

/** Three words of the list, 33 bits, without bias. @param random 6 bytes, fresh */
export function codeWords(random: Uint8Array): Code['words'] {
  throw new Error(`not yet: ${random}`);
}

/** Writes `<slot>-<word>-<word>-<word>`. */
export function formatCode(code: Code): string {
  throw new Error(`not yet: ${code}`);
}

/**
 * Reads a code as people type it: any case and width, any of spaces, dots, commas, underscores, dashes between parts.
 * @throws TransferError `code-malformed`, its detail naming the word that is not in the list and one that is near it
 */
export function parseCode(text: string): Code {
  throw new Error(`not yet: ${text}`);
}

/** The one word of the list that `word` is likely meant to be, or null. For a form that checks while people type. */
export function suggestWord(word: string): string | null {
  throw new Error(`not yet: ${word}`);
}

/** The secret that stands behind a code. */
export function codeSecret(code: Code): CodeSecret {
  throw new Error(`not yet: ${code}`);
}
