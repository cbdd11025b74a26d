import { setTimeout as sleep } from 'node:timers/promises';
import type { Parties } from './parties.ts';

/** One delivery of ours, timed from "take it" to "verified and on disk". */

export interface Delivered {
  readonly seconds: number;
  /** As many of the bytes as were through when it ended or was ended. */
  readonly bytes: number;
  readonly isWhole: boolean;
}

export interface DeliveryOptions {
  readonly path: string;
  readonly bytes: number;
  /** Ended after so long; how far it came says how fast it was. */
  readonly limitSeconds: number;
  /** Called right before it is taken, with the first processes of both sides. */
  readonly onTaking?: (roots: {
    sender: readonly number[];
    receiver: readonly number[];
  }) => void | Promise<void>;
  /** Called right when all is through, or the time, with the bytes that are, while both sides still run. */
  readonly onThrough?: (bytes: number) => Promise<void>;
}

export async function deliver({ sender, receiver }: Parties, options: DeliveryOptions): Promise<Delivered> {
  await using sharing = await sender.offer(options.path);
  await using visit = await receiver.visit(sharing.url);
  await options.onTaking?.({ sender: sharing.roots, receiver: visit.roots });
  const startedMs = performance.now();
  await visit.take();
  const limitMs = Math.round(options.limitSeconds * 1000);
  const isWhole = await Promise.race([
    visit.done(limitMs + GRACE_MS).then(() => true),
    sleep(limitMs, false, { ref: false }),
  ]);
  const seconds = (performance.now() - startedMs) / 1000;
  const bytes = isWhole ? options.bytes : ((await visit.percent()) / 100) * options.bytes;
  await options.onThrough?.(bytes);
  return { seconds, bytes, isWhole };
}

/** So that the limit, which is no failure, comes first. */
const GRACE_MS = 60_000;

/** @throws {Error} where it was ended before it was whole */
export async function deliverWhole(parties: Parties, options: DeliveryOptions): Promise<Delivered> {
  const delivered = await deliver(parties, options);
  if (delivered.isWhole) return delivered;
  const percent = ((100 * delivered.bytes) / options.bytes).toFixed(0);
  throw new Error(`a delivery had come to ${percent} % after ${options.limitSeconds} s`);
}

/** In MB/s: 10^6 bytes. */
export function speedOf({ bytes, seconds }: { bytes: number; seconds: number }): number {
  return bytes / 1e6 / seconds;
}
