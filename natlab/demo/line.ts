/** Something that happened, in words. */
export interface Line {
  /** Microseconds since the beginning. */
  readonly atUs: number;
  readonly text: string;
  readonly tone?: 'good' | 'bad';
}

/** `0.412 s`. */
export function seconds(us: number): string {
  return `${(us / 1e6).toFixed(3)} s`;
}
