import { expect, test } from 'vitest';
import { layOutLine } from './page-layout.ts';

test('words are wrapped beside the time', () => {
  const line = { atUs: 1_234_567, text: 'one two three 0123456789012345 nineteen. 0.5 s' };
  expect(layOutLine(line, { width: 24, hasColour: false })).toBe(
    [
      '  1.235 s  one two three',
      '           0123456789012345',
      '           nineteen.',
      '           0.5 s',
    ].join('\n'),
  );
});

test('colour is for terminals, and for lines that are good or bad news', () => {
  const line = { atUs: 0, text: 'gone', tone: 'bad' } as const;
  expect(layOutLine(line, { width: 80, hasColour: true })).toBe(
    '\x1b[2m  0.000 s\x1b[0m  \x1b[31mgone\x1b[0m',
  );
  expect(layOutLine(line, { width: undefined, hasColour: false })).toBe('  0.000 s  gone');
});
