import { once } from 'node:events';
import * as v from 'valibot';
import { within } from '../bounded.ts';
import { RATE_MBIT } from '../long-link.ts';
import type { TwoHosts } from '../two-hosts.ts';

/** iperf3 from alice to bob. */

const START_TIMEOUT_MS = 10_000;
const GRACE_MS = 30_000;
/** What datagrams of a data channel hold, about. */
const DATAGRAM_BYTES = 1200;

const TcpSummary = v.object({ end: v.object({ sum_received: v.object({ bits_per_second: v.number() }) }) });
const UdpSummary = v.object({
  end: v.object({ sum: v.object({ bits_per_second: v.number(), lost_percent: v.number() }) }),
});

/** One TCP flow with CUBIC. @returns MB/s that arrived */
export async function cubicSpeed(hosts: TwoHosts, seconds: number): Promise<number> {
  const said = await runIperf(hosts, seconds, ['--congestion', 'cubic']);
  return v.parse(TcpSummary, said).end.sum_received.bits_per_second / 8e6;
}

/** More datagrams than the link can carry, of the size that data channels send. @returns MB/s of what they held that arrived */
export async function floodSpeed(hosts: TwoHosts, seconds: number): Promise<number> {
  const words = ['--udp', '--bandwidth', `${RATE_MBIT * 1.1}M`, '--length', String(DATAGRAM_BYTES)];
  const { sum } = v.parse(UdpSummary, await runIperf(hosts, seconds, words)).end;
  return (sum.bits_per_second / 8e6) * (1 - sum.lost_percent / 100);
}

async function runIperf(hosts: TwoHosts, seconds: number, words: readonly string[]): Promise<unknown> {
  const server = hosts.lab.host('bob').start('iperf3', ['--server', '--one-off', '--forceflush']);
  try {
    if (server.stdout === null) throw new Error('iperf3 has no output');
    const listening = once(server.stdout, 'data');
    await within('starting iperf3', START_TIMEOUT_MS, listening);
    const args = ['--client', hosts.address('bob'), '--time', String(seconds), '--json', ...words];
    const { stdout, stderr } = await hosts.lab
      .host('alice')
      .run('iperf3', args, { timeoutMs: seconds * 1000 + GRACE_MS });
    try {
      return JSON.parse(stdout);
    } catch {
      throw new Error(`iperf3 said: ${stderr}${stdout}`);
    }
  } finally {
    server.kill('SIGKILL');
  }
}
