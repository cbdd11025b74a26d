import type { Cell, Moment } from './cell.ts';
import type { Program } from './person.ts';

/** What `npm test` runs: each kind of fault, each pairing and each moment at least once. */
const SHORT: readonly (readonly [fault: string, sender: Program, receiver: Program, moment: Moment])[] = [
  ['receiver-cable', 'cli', 'browser', 'middle'],
  ['server-and-route', 'cli', 'cli', 'early'],
  ['receiver-nat-reboot', 'cli', 'browser', 'early'],
  ['new-address', 'browser', 'cli', 'middle'],
  ['receiver-killed', 'browser', 'browser', 'middle'],
  ['receiver-reloads', 'cli', 'browser', 'early'],
  ['sender-killed', 'cli', 'cli', 'last'],
  ['sender-reloads', 'browser', 'cli', 'last'],
  ['byte-flipped', 'cli', 'cli', 'last'],
  ['source-changed', 'cli', 'cli', 'middle'],
  ['receiver-pauses', 'cli', 'cli', 'early'],
  ['disk-full', 'cli', 'cli', 'middle'],
];

/** @throws {RangeError} where there is no such cell any more */
export function shortForm(cells: readonly Cell[]): readonly Cell[] {
  return SHORT.map(([name, sender, receiver, moment]) => {
    const found = cells.find(
      ({ fault, pairing, moment: at }) =>
        fault.name === name && pairing.sender === sender && pairing.receiver === receiver && at === moment,
    );
    if (found === undefined)
      throw new RangeError(`There is no cell ${name}, ${sender} to ${receiver}, ${moment}.`);
    return found;
  });
}
