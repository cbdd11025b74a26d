const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 60 * MINUTE_SECONDS;
const DAY_SECONDS = 24 * HOUR_SECONDS;

/** `12 s`, `4 min`, `1 h 20 min`, `2 days 3 h`: two units at most, rounded up so that a rest is never 0. */
export function formatDuration(seconds: number): string {
  if (seconds <= MINUTE_SECONDS - 1) return `${Math.max(1, Math.ceil(seconds))} s`;
  const minutes = Math.ceil(seconds / MINUTE_SECONDS);
  if (minutes < HOUR_SECONDS / MINUTE_SECONDS) return `${minutes} min`;
  if (minutes * MINUTE_SECONDS < DAY_SECONDS) return join(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.ceil(seconds / HOUR_SECONDS);
  const days = Math.floor(hours / 24);
  return join(days, days === 1 ? 'day' : 'days', hours % 24, 'h');
}

function join(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
