/** Pairs of measurements in alternating rounds, and what they come to. */

export interface Comparison {
  readonly name: string;
  /** Both in MB/s (10^6 bytes), medians over the rounds. */
  readonly ours: number;
  readonly against: number;
  /** Median of the rounds' ratios, ours to theirs: noise that lasts longer than a round cancels out. */
  readonly ratio: number;
  readonly floor: number;
  readonly rounds: readonly { readonly ours: number; readonly against: number }[];
}

/** Runs ours and theirs in turn, `rounds` times; each returns seconds for `bytes`. */
export async function compare(
  name: string,
  { bytes, rounds, floor }: { bytes: number; rounds: number; floor: number },
  ours: () => Promise<number>,
  against: () => Promise<number>,
): Promise<Comparison> {
  const speed = (seconds: number) => bytes / 1e6 / seconds;
  const results: { ours: number; against: number }[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const result = { against: speed(await against()), ours: speed(await ours()) };
    results.push(result);
    console.error(
      `${name}, round ${round}: ours ${result.ours.toFixed(1)} MB/s, bare ${result.against.toFixed(1)} MB/s`,
    );
  }
  return {
    name,
    ours: median(results.map((result) => result.ours)),
    against: median(results.map((result) => result.against)),
    ratio: median(results.map((result) => result.ours / result.against)),
    floor,
    rounds: results,
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1] ?? 0, sorted[middle] ?? 0];
  return (low + high) / 2;
}
