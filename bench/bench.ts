import { join } from 'node:path';
import { makeFile } from '../e2e/harness/files.ts';
import { type Server, startServer } from '../e2e/harness/server.ts';
import type { Pair, Row } from './figures.ts';

export const MIB = 1024 * 1024;
export const GIB = 1024 * MIB;

/** What a run was asked for, and what its rows share. */
export interface Bench {
  readonly rounds: number;
  /** Whether sizes are so small that only the working is seen. */
  readonly isShort: boolean;
  readonly memoryGib: number;
  /** Gone with the run. */
  readonly folder: string;
  /** The environment of every program of ours: what it keeps goes with the run. */
  readonly env: Readonly<Record<string, string>>;
  /** Our server on loopback. Whoever starts it disposes of it. */
  serve(): Promise<Server>;
  /** A file of that size, of bytes that look random, made once. */
  file(bytes: number): Promise<string>;
  /** The numbers of the rounds, from 1. */
  eachRound(): Iterable<number>;
}

/** Rows that one series of rounds fills. */
export interface Experiment {
  readonly rows: readonly Row[];
  /** What each round found, by the names of the rows. */
  measure(bench: Bench): AsyncIterable<Readonly<Record<string, Pair>>>;
}

export type BenchOptions = Pick<Bench, 'rounds' | 'isShort' | 'memoryGib'>;

export function openBench(options: BenchOptions, folder: string): Bench {
  const env = { XDG_STATE_HOME: join(folder, 'state') };
  const files = new Map<number, Promise<string>>();
  return {
    ...options,
    folder,
    env,
    serve: () => startServer([], { env }),
    file: (bytes) => {
      const made = files.get(bytes) ?? makeFile(join(folder, `${bytes}.bin`), bytes);
      files.set(bytes, made);
      return made;
    },
    *eachRound() {
      for (let round = 1; round <= options.rounds; round += 1) yield round;
    },
  };
}
