import { median, percentile } from '../figures.ts';
import type { TwoHosts } from '../two-hosts.ts';

/** Round trips as others on the link see them: ping from alice to bob. */

const INTERVAL_SECONDS = 0.1;

export interface RoundTrips {
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly count: number;
}

/** @returns what to call at the end */
export function watchRoundTrips(hosts: TwoHosts): () => RoundTrips {
  const child = hosts.lab
    .host('alice')
    .start('ping', ['-n', '-i', String(INTERVAL_SECONDS), hosts.address('bob')]);
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  return () => {
    child.kill('SIGKILL');
    const times = [...said.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1]));
    if (times.length === 0) throw new Error(`no ping came back: ${said}`);
    return { medianMs: median(times), p95Ms: percentile(times, 95), count: times.length };
  };
}
