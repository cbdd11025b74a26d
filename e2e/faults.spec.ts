import { FAULTS } from './faults/catalogue.ts';
import { type Cell, MOMENTS, runCell } from './faults/cell.ts';
import type { Pairing } from './faults/fault.ts';
import {
  CELL_TIMEOUT_MS,
  FILE_BYTES,
  MAX_FLOW_MS,
  MAX_SENT_TWICE_BYTES,
  SHORT_FILE_BYTES,
} from './faults/limits.ts';
import { shortForm } from './faults/short-form.ts';
import { addRow, type Row, writeTable } from './faults/table.ts';
import { requireNamespaces } from './harness/distant-peers.ts';
import { expect, test } from './harness/fixtures.ts';

const PROGRAMS = ['cli', 'browser'] as const;
const PAIRINGS: readonly Pairing[] = PROGRAMS.flatMap((sender) =>
  PROGRAMS.map((receiver) => ({ sender, receiver })),
);

const everyCell: readonly Cell[] = FAULTS.flatMap((fault) =>
  PAIRINGS.flatMap((pairing) => MOMENTS.map((moment) => ({ fault, pairing, moment }))),
);

const isFull = process.env['SALLYPORT_FAULTS'] === 'all';
const fileBytes = isFull ? FILE_BYTES : SHORT_FILE_BYTES;
/** Whoever starts over near the end shows in either form. */
const maxSentTwiceBytes = Math.min(MAX_SENT_TWICE_BYTES, fileBytes / 2);

test.beforeAll(requireNamespaces);

test.afterAll(async () => {
  process.stdout.write(`\n${await writeTable()}`);
});

for (const cell of isFull ? everyCell : shortForm(everyCell)) {
  const { fault, pairing, moment } = cell;
  const about = { fault: fault.name, sentence: fault.sentence, pairing, moment };
  test(`${fault.name}: ${pairing.sender} to ${pairing.receiver}, ${moment}`, async ({ folder }) => {
    test.setTimeout(CELL_TIMEOUT_MS);
    const reason = fault.isImpossible?.(pairing);
    if (reason !== undefined) return addRow({ ...about, survived: false, reason });
    let row: Row = { ...about, survived: false };
    try {
      const outcome = await runCell(cell, fileBytes, folder);
      row = { ...row, ...outcome };
      if (outcome.sentTwiceBytes !== null)
        expect(outcome.sentTwiceBytes, 'bytes sent twice').toBeLessThanOrEqual(maxSentTwiceBytes);
      expect(outcome.secondsToFlow * 1000, 'until data flowed again').toBeLessThanOrEqual(MAX_FLOW_MS);
      row = { ...row, survived: true };
    } finally {
      await addRow(row);
    }
  });
}
