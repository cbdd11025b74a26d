const UNITS = ['kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `1.2 GB`: powers of 1000, two digits at least, as file managers and disks count. */
export function formatSize(bytes: number): string {
  if (bytes < 1000) return bytes === 1 ? '1 byte' : `${Math.round(bytes)} bytes`;
  let value = bytes / 1000;
  let unit = 0;
  // 999.6 would be rounded to 1000 of its unit: that is 1 of the next.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const shown = value < 9.95 ? value.toFixed(1).replace('.0', '') : value.toFixed(0);
  return `${shown} ${UNITS[unit]}`;
}

/** `1 file`, `12,345 files` */
export function formatCount(count: number, one: string, many: string): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}
