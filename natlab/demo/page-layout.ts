import { type Line, seconds } from './line.ts';

const DEFAULT_COLUMNS = 100;
const MOST_COLUMNS = 110;
const TIME_COLUMNS = 11;
const COLOURS = { good: '32', bad: '31', dim: '2' } as const;

/** A line of a story as it stands on a terminal: the time in a column of its own, words wrapped beside it. */
export function layOutLine(
  { atUs, text, tone }: Line,
  { width = DEFAULT_COLUMNS, hasColour }: { width: number | undefined; hasColour: boolean },
): string {
  const paint = (words: string, colour: keyof typeof COLOURS | undefined): string =>
    hasColour && colour !== undefined ? `\x1b[${COLOURS[colour]}m${words}\x1b[0m` : words;
  const time = seconds(atUs).padStart(TIME_COLUMNS - 2);
  const rows = wrap(text, Math.min(width, MOST_COLUMNS) - TIME_COLUMNS);
  return rows
    .map((row, index) => `${index === 0 ? paint(time, 'dim') : ' '.repeat(time.length)}  ${paint(row, tone)}`)
    .join('\n');
}

/** Rows of at most so many columns; a word that is longer has one of its own. A number keeps its unit. */
function wrap(text: string, columns: number): string[] {
  const rows: string[] = [];
  let row = '';
  for (const word of text.split(/ (?!(?:s|ms|MiB)\b)/)) {
    if (row !== '' && row.length + 1 + word.length > columns) {
      rows.push(row);
      row = word;
    } else {
      row = row === '' ? word : `${row} ${word}`;
    }
  }
  return [...rows, row];
}
