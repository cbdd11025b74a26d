import { moveOverTls } from '../bare/tls.ts';
import { type Bench, type Experiment, GIB, MIB } from '../bench.ts';
import { inTurn, type Row } from '../figures.ts';
import { speedOf } from '../peers/delivery.ts';
import { deliverOverTcp } from '../peers/over-tcp.ts';
import { startMailbox, wormholeSeconds } from '../peers/wormhole.ts';
import { openTwoHosts, type TwoHosts } from '../two-hosts.ts';

/** Two commands on one LAN over TCP lanes, disk to disk and verified. On one machine they would make none. */

const LIMIT_SECONDS = 300;

const figure = 'Node to Node, TCP lanes, one LAN, disk to disk, verified';
const shape = { figure, unit: 'MB/s', compare: 'ratio', better: 'more' } as const;
const tls: Row = { name: 'tcp-tls', ...shape, against: 'bare TLS from memory', floor: 0.2, aim: 0.35 };
const wormhole: Row = { name: 'tcp-wormhole', ...shape, against: 'magic-wormhole', floor: 1.5, aim: 3 };

/** Ours beside theirs, who move as many bytes over the same LAN in the seconds that they tell. */
async function* besides(
  bench: Bench,
  { name }: Row,
  hosts: TwoHosts,
  theirSeconds: (path: string, bytes: number) => Promise<number>,
) {
  const bytes = bench.isShort ? 64 * MIB : 4 * GIB;
  const path = await bench.file(bytes);
  for (const round of bench.eachRound()) {
    const [seconds, ours] = await inTurn(
      round,
      () => theirSeconds(path, bytes),
      () => deliverOverTcp(hosts, bench, { path, bytes, limitSeconds: LIMIT_SECONDS }),
    );
    yield { [name]: { ours: speedOf(ours), against: speedOf({ bytes, seconds }), note: ours.note } };
  }
}

export const TCP: readonly Experiment[] = [
  {
    rows: [tls],
    async *measure(bench) {
      await using hosts = await openTwoHosts(bench);
      yield* besides(bench, tls, hosts, async (_, bytes) => (await moveOverTls(hosts, bytes)).seconds);
    },
  },
  {
    rows: [wormhole],
    async *measure(bench) {
      await using hosts = await openTwoHosts(bench);
      await using mailbox = await startMailbox(hosts, bench.folder);
      yield* besides(bench, wormhole, hosts, (path) => wormholeSeconds(hosts, mailbox, path, bench.folder));
    },
  },
];
