import type { Network } from '../network.ts';

export interface Telling {
  /** Columns of the terminal, if it is one. */
  readonly width: number | undefined;
  readonly hasColour: boolean;
  readonly say: (text: string) => void;
  /** What is going on meanwhile. */
  readonly progress: (text: string) => void;
}

/** Delivers a file between the first two people of a network and tells what happened on the wire. */
export async function runDemo(_network: Network, _telling: Telling): Promise<void> {
  throw new Error('There is nothing to tell yet.');
}
