/** What is measured, in pairs and rounds, and what the rounds come to. */

/** One row of the table. */
export interface Row {
  /** As `--only` takes it. */
  readonly name: string;
  readonly figure: string;
  /** The limit or the peer that it is held against. */
  readonly against: string;
  readonly unit: string;
  /** What floor and aim are said of: ours by theirs, ours less theirs, or ours by itself. */
  readonly compare: 'ratio' | 'difference' | 'alone';
  readonly better: 'more' | 'less';
  readonly floor: number;
  readonly aim?: number;
}

/** What one round found for one row. */
export interface Pair {
  readonly ours: number;
  /** Left out where a row stands alone. */
  readonly against?: number;
  /** For people: what else was seen in this round. */
  readonly note?: string;
  /** For the JSON file alone. */
  readonly details?: unknown;
}

export type Verdict = 'aim' | 'floor' | 'below' | 'error';

export interface Result {
  readonly row: Row;
  readonly rounds: readonly Pair[];
  /** Medians over the rounds; undefined where there were none. */
  readonly ours: number | undefined;
  readonly against: number | undefined;
  /** The median of what each round came to: noise that lasts longer than a round cancels out. */
  readonly value: number | undefined;
  readonly verdict: Verdict;
  readonly error?: string;
}

export function judge(row: Row, rounds: readonly Pair[], error?: string): Result {
  const theirs = rounds.flatMap(({ against }) => (against === undefined ? [] : [against]));
  const values = rounds.map((pair) => standing(row, pair));
  const complaint = error ?? (rounds.length === 0 ? 'nothing was measured' : undefined);
  const value = values.length > 0 ? median(values) : undefined;
  return {
    row,
    rounds,
    ours: rounds.length > 0 ? median(rounds.map(({ ours }) => ours)) : undefined,
    against: theirs.length > 0 ? median(theirs) : undefined,
    value,
    verdict: complaint === undefined && value !== undefined ? verdictOn(row, value) : 'error',
    ...(complaint !== undefined && { error: complaint }),
  };
}

function standing({ compare }: Row, { ours, against = Number.NaN }: Pair): number {
  if (compare === 'alone') return ours;
  return compare === 'ratio' ? ours / against : ours - against;
}

function verdictOn({ better, floor, aim }: Row, value: number): Verdict {
  const reaches = (mark: number): boolean => (better === 'more' ? value >= mark : value <= mark);
  if (reaches(aim ?? floor)) return 'aim';
  return reaches(floor) ? 'floor' : 'below';
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

/** The least of the values that at least so many of a hundred do not exceed. @param values at least one */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(Math.ceil((sorted.length * percent) / 100) - 1, 0)] ?? Number.NaN;
}

/** Runs both, one after the other, and the second first in every other round: neither always finds the machine warm. */
export async function inTurn<A, B>(
  round: number,
  first: () => Promise<A>,
  second: () => Promise<B>,
): Promise<[A, B]> {
  if (round % 2 === 1) {
    const a = await first();
    return [a, await second()];
  }
  const b = await second();
  return [await first(), b];
}
