/** Sizes and counts as people read them, in a terminal and on the page alike. */

const UNITS = ['kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `1.25 GB`: powers of 1000, as file managers and disks count, three digits. */
export function formatSize(bytes: number): string {
  if (bytes < 1000) return bytes === 1 ? '1 byte' : `${Math.round(bytes)} bytes`;
  let value = bytes / 1000;
  let unit = 0;
  // 999.6 of a unit would be shown as 1000: that is 1.00 of the next.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toPrecision(3)} ${UNITS[unit]}`;
}

/** `1 file`, `12 files`. */
export function formatCount(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
