import { wordlist } from '@scure/bip39/wordlists/english.js';
import { TransferError } from '../errors.ts';
import { MAX_SLOT, MIN_SLOT } from '../signaling.ts';
import type { CodeSecret } from './secret.ts';

/** A short code, taken apart. */
export interface Code {
  /** The number of the room: `MIN_SLOT` to `MAX_SLOT`. */
  readonly slot: number;
  readonly words: readonly [string, string, string];
}

/** Random bytes that `codeWords` takes: two for each word. */
export const CODE_RANDOM_BYTES = 6;

/** Far above any code, spaces and all. */
const MAX_CODE_CHARS = 200;

const WORDS: ReadonlySet<string> = new Set(wordlist);

/** What people put between the parts: white space, full stops, commas, underscores, every kind of dash, several at once. */
const SEPARATORS = /[\s.,_\p{Dash_Punctuation}\u2212]+/u;

/** Three words of the list, 33 bits, without bias: it has 2^11. @param random 6 bytes, fresh */
export function codeWords(random: Uint8Array): Code['words'] {
  if (random.length !== CODE_RANDOM_BYTES)
    throw new RangeError(`a code takes ${CODE_RANDOM_BYTES} random bytes`);
  const word = (at: number) => wordlist[(((random[at] ?? 0) << 8) | (random[at + 1] ?? 0)) & 0x7ff] ?? '';
  return [word(0), word(2), word(4)];
}

/** Writes `<slot>-<word>-<word>-<word>`. */
export function formatCode({ slot, words }: Code): string {
  return `${slot}-${words.join('-')}`;
}

/**
 * Reads a code as people type it: any case and width, any of spaces, dots, commas, underscores, dashes between parts.
 * @throws TransferError `code-malformed`, its detail naming the word that is not in the list and one that is near it
 */
export function parseCode(text: string): Code {
  if (text.length > MAX_CODE_CHARS) throw malformed('too long for a code');
  const parts = normalise(text)
    .split(SEPARATORS)
    .filter((part) => part !== '');
  const [number = '', first, second, third, ...rest] = parts;
  const slot = /^[1-9]\d*$/.test(number) ? Number(number) : Number.NaN;
  if (!(slot >= MIN_SLOT && slot <= MAX_SLOT)) {
    throw malformed(`a code begins with a number from ${MIN_SLOT} to ${MAX_SLOT}`);
  }
  if (first === undefined || second === undefined || third === undefined || rest.length > 0) {
    throw malformed(`a code has three words after its number, not ${parts.length - 1}`);
  }
  const words = [first, second, third] as const;
  for (const word of words) checkWord(word);
  return { slot, words };
}

/**
 * The one word of the list that `word` is likely meant to be, or null: the word itself; the one that it begins, with
 * four letters or more (no two words share their first four); the only one that is a single slip away; else the one
 * that begins with the same four letters.
 */
export function suggestWord(word: string): string | null {
  const typed = normalise(word);
  if (WORDS.has(typed)) return typed;
  const sameStart =
    typed.length < 4 ? undefined : wordlist.find((known) => known.startsWith(typed.slice(0, 4)));
  if (sameStart?.startsWith(typed)) return sameStart;
  const near = wordlist.filter((known) => isOneSlipAway(typed, known));
  return (near.length === 1 ? near[0] : sameStart) ?? null;
}

/** The secret that stands behind a code. */
export function codeSecret({ slot, words }: Code): CodeSecret {
  const encoder = new TextEncoder();
  const roomName = `${slot}`;
  return { mode: 'code', prs: encoder.encode(words.join('-')), room: encoder.encode(roomName), roomName };
}

function normalise(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

function checkWord(word: string): void {
  if (WORDS.has(word)) return;
  const near = suggestWord(word);
  throw malformed(`"${word}" is not a word of the list${near === null ? '' : `; did you mean "${near}"?`}`);
}

function malformed(detail: string): TransferError {
  return new TransferError('code-malformed', detail);
}

/** One letter more, fewer or other, or two neighbours swapped. */
function isOneSlipAway(typed: string, known: string): boolean {
  let start = 0;
  while (start < typed.length && typed[start] === known[start]) start++;
  const [a, b] = [typed.slice(start), known.slice(start)];
  return (
    a.slice(1) === b ||
    a === b.slice(1) ||
    a.slice(1) === b.slice(1) ||
    (a.slice(2) === b.slice(2) && a[0] === b[1] && a[1] === b[0])
  );
}
