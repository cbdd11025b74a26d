import type { Bench } from './bench.ts';
import { openTwoHosts, type TwoHosts } from './two-hosts.ts';

export const ROUND_TRIP_MS = 50;
export const RATE_MBIT = 200;

/** The two 50 ms and 200 Mbit/s apart. The link's queue is what natlab gives unless said: one product of rate and round trip. */
export function openLongLink(bench: Bench, lossPercent = 0): Promise<TwoHosts> {
  return openTwoHosts(bench, { delayMs: ROUND_TRIP_MS / 2, rateMbit: RATE_MBIT, lossPercent });
}
