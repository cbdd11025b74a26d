/** Times and progress as people read them in a terminal. */

import { formatSize } from '#transport/quantity-text.ts';

/** Left free at the end of a line: one that fills its terminal wraps, and so does the `^C` of whoever interrupts. */
const FREE_COLUMNS = 3;

/** A bar shorter than this shows nothing that its percentage does not. */
const MIN_BAR_CHARS = 8;
const MAX_BAR_CHARS = 20;

/** `0.4 s`, `42 s`, `3 min 20 s`, `2 h 5 min`: what took so long. */
export function formatSeconds(seconds: number): string {
  return seconds < 9.95 ? `${Math.max(0.1, seconds).toFixed(1)} s` : formatSecondsLeft(seconds);
}

/** `42 s`, `3 min 20 s`, `2 h 5 min`: an estimate, rounded up so that a rest is never nothing. */
export function formatSecondsLeft(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export interface ProgressFigures {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly bytesPerSecond: number | null;
  readonly secondsLeft: number | null;
}

/**
 * `████░░░░  50%  1.20 GB of 2.40 GB  61.2 MB/s  20 s left`. On a narrow terminal the bar gets shorter, then what
 * stands last is left out.
 */
export function progressLine(figures: ProgressFigures, columns: number): string {
  const { bytes, totalBytes, bytesPerSecond, secondsLeft } = figures;
  const fraction = totalBytes === 0 ? 1 : Math.min(1, bytes / totalBytes);
  const rest = [
    `${Math.floor(fraction * 100)}%`.padStart(5),
    `${formatSize(bytes)} of ${formatSize(totalBytes)}`,
    bytesPerSecond === null ? '' : `${formatSize(bytesPerSecond)}/s`,
    secondsLeft === null ? '' : `${formatSecondsLeft(secondsLeft)} left`,
  ].filter((part) => part !== '');
  const barChars = () => columns - FREE_COLUMNS - rest.reduce((chars, part) => chars + 2 + part.length, -2);
  while (rest.length > 1 && barChars() < MIN_BAR_CHARS) rest.pop();
  const [percent = '', ...others] = rest;
  return [`${bar(fraction, Math.min(MAX_BAR_CHARS, Math.max(0, barChars())))}${percent}`, ...others].join(
    '  ',
  );
}

function bar(fraction: number, chars: number): string {
  const filled = Math.round(fraction * chars);
  return `${'█'.repeat(filled)}${'░'.repeat(chars - filled)}`;
}
