import { wordlist } from '@scure/bip39/wordlists/english.js';
import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { TransferError } from '../errors.ts';
import { MAX_SLOT, MIN_SLOT, RoomName } from '../signaling.ts';
import { FUZZ } from '../testing/fuzz.ts';
import { codeSecret, codeWords, formatCode, parseCode, suggestWord } from './code.ts';
import { CODE, outcomeOf } from './paired-run.fixture.ts';

const TEXT = '4821-apple-river-stone';

describe('a code', () => {
  it.each([
    TEXT,
    ' 4821-apple-river-stone\n',
    '4821 apple river stone',
    '4821 - apple -- river__stone',
    '4821. Apple, River. Stone.',
    '4821–apple—river−stone',
    '4821‑apple‑river‑stone',
    '４８２１－ＡＰＰＬＥ－ＲＩＶＥＲ－ＳＴＯＮＥ',
  ])('is read: %s', (text) => {
    expect(parseCode(text)).toEqual(CODE);
  });

  it('is read as it was written', () => {
    const word = fc.constantFrom(...wordlist);
    fc.assert(
      fc.property(fc.integer({ min: MIN_SLOT, max: MAX_SLOT }), fc.tuple(word, word, word), (slot, words) => {
        expect(parseCode(formatCode({ slot, words }))).toEqual({ slot, words });
      }),
    );
  });

  it.each([
    ['nothing', ''],
    ['only separators', ' - - '],
    ['a number alone', '4821'],
    ['two words', '4821-apple-river'],
    ['four words', '4821-apple-river-stone-stone'],
    ['no number', 'apple-river-stone'],
    ['a number with a zero before it', '04821-apple-river-stone'],
    ['a number below every slot', '99-apple-river-stone'],
    ['a number above every slot', '1000000-apple-river-stone'],
    ['a number of other digits', '٤٨٢١-apple-river-stone'],
    ['a fraction', '4821.5-apple-river-stone'],
    ['a page of text', 'a '.repeat(10_000)],
  ])('is refused: %s', (_, text) => {
    expect(outcomeOf(() => parseCode(text))).toBe('code-malformed');
  });

  it.each([
    ['4821-appel-river-stone', '"appel" is not a word of the list; did you mean "apple"?'],
    ['4821-apple-rive-stone', '"rive" is not a word of the list; did you mean "river"?'],
    ['4821-apple-river-st0ne', '"st0ne" is not a word of the list; did you mean "stone"?'],
    ['4821-apple-river-xylophone', '"xylophone" is not a word of the list'],
  ])('names the word that is wrong: %s', (text, detail) => {
    expect(() => parseCode(text)).toThrow(new TransferError('code-malformed', detail));
  });

  it(
    'is refused or read, whatever it is, and never anything else',
    () => {
      const piece = fc.constantFrom(
        '4821',
        '0',
        '-',
        '–',
        ' ',
        'apple',
        'APPLE',
        'river',
        'stone',
        'ston',
        '\u0000',
        '\ufdfa',
        'ﬁ',
      );
      const text = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.array(piece, { maxLength: 9 }).map((parts) => parts.join('')),
      );
      fc.assert(
        fc.property(text, (input) => {
          try {
            expect(parseCode(formatCode(parseCode(input)))).toEqual(parseCode(input));
          } catch (error) {
            expect(error).toBeInstanceOf(TransferError);
          }
        }),
        { numRuns: 5_000 * FUZZ },
      );
    },
    20_000 * FUZZ,
  );
});

describe('a suggestion', () => {
  it('rests on the list: no two words share their first four letters', () => {
    expect(new Set(wordlist.map((word) => word.slice(0, 4))).size).toBe(2048);
  });

  it.each<[typed: string, expected: string | null, why: string]>([
    ['abandon', 'abandon', 'the word itself'],
    ['aban', 'abandon', 'its first four letters'],
    ['abandoned', 'abandon', 'four letters, then something else'],
    ['zoo', 'zoo', 'a word of three letters'],
    ['bpple', 'apple', 'a letter changed before the fourth'],
    ['rivr', 'river', 'a letter missing'],
    ['appel', 'apple', 'two letters swapped, though another word begins so'],
    ['arpple', 'apple', 'a letter too many'],
    ['papleh', null, 'two slips'],
    ['ca', null, 'near to several'],
    ['', null, 'nothing'],
  ])('for %j is %j: %s', (typed, expected) => {
    expect(suggestWord(typed)).toBe(expected);
  });

  it('finds the word again from every prefix of four letters or more', () => {
    for (const word of wordlist) {
      for (let length = 4; length < word.length; length++)
        expect(suggestWord(word.slice(0, length))).toBe(word);
    }
  });
});

describe('words from random bytes', () => {
  it('come from all of the list, each from as many byte pairs', () => {
    const counts = new Map<string, number>();
    for (let value = 0; value < 65_536; value++) {
      const [first, second, third] = codeWords(
        Uint8Array.of(value >> 8, value & 255, 0, 0, value >> 8, value & 255),
      );
      expect(second).toBe('abandon');
      if (first !== third) expect(third).toBe(first);
      counts.set(first, (counts.get(first) ?? 0) + 1);
    }
    expect(counts.size).toBe(2048);
    expect(new Set(counts.values())).toEqual(new Set([32]));
  });

  it('need six bytes', () => {
    expect(() => codeWords(new Uint8Array(5))).toThrow(RangeError);
  });
});

describe('the secret behind a code', () => {
  const secret = codeSecret(CODE);

  it('has the words for a password and the slot for a room', () => {
    expect(new TextDecoder().decode(secret.prs)).toBe('apple-river-stone');
    expect(new TextDecoder().decode(secret.room)).toBe('4821');
  });

  it('names a room as the signaling server wants it', () => {
    expect(v.is(RoomName, secret.roomName)).toBe(true);
  });
});
