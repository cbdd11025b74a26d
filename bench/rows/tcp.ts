import { moveOverTls } from '../bare/tls.ts';
import { type Bench, type Experiment, GIB, MIB } from '../bench.ts';
import { connectionsBetween } from '../connections.ts';
import { inTurn, type Row } from '../figures.ts';
import { requireTcpLanes } from '../our-options.ts';
import { deliverWhole, speedOf } from '../peers/delivery.ts';
import { commandReceiver, commandSender, type Receiver, type Sender } from '../peers/parties.ts';
import { startMailbox, wormholeSeconds } from '../peers/wormhole.ts';

/** Two commands over TCP lanes on one machine, disk to disk and verified. */

const LIMIT_SECONDS = 300;
const figure = 'Node to Node, TCP lanes, disk to disk';

/** Ours beside theirs, who move as many bytes in the seconds that they tell. */
async function* besides(
  bench: Bench,
  name: string,
  theirSeconds: (path: string, bytes: number) => Promise<number>,
) {
  await requireTcpLanes();
  const bytes = bench.isShort ? 64 * MIB : 4 * GIB;
  const path = await bench.file(bytes);
  await using server = await bench.serve();
  const command = { serverUrl: server.url, env: bench.env };
  const [sender, receiver] = [commandSender(command), commandReceiver(command, bench.folder)];
  for (const round of bench.eachRound()) {
    const [seconds, ours] = await inTurn(
      round,
      () => theirSeconds(path, bytes),
      () => deliverOverTcp(sender, receiver, path, bytes),
    );
    yield { [name]: { ours: speedOf(ours), against: speedOf({ bytes, seconds }), note: ours.note } };
  }
}

/** @throws {Error} where no TCP connection ever stood between the two: what was measured is something else */
async function deliverOverTcp(sender: Sender, receiver: Receiver, path: string, bytes: number) {
  let pids: [number, number] = [0, 0];
  let count = 0;
  const delivered = await deliverWhole(sender, receiver, {
    ...{ path, bytes, limitSeconds: LIMIT_SECONDS },
    onTaking: (roots) => {
      pids = [roots.sender[0] ?? 0, roots.receiver[0] ?? 0];
    },
    // Looked at while it lasts: those that carried it may be closed in the end.
    whileUnderWay: async () => {
      count = Math.max(count, await connectionsBetween(...pids).catch(() => 0));
    },
  });
  if (count === 0)
    throw new Error(`no TCP connection stood between the two (${speedOf(delivered).toFixed(0)} MB/s)`);
  return { ...delivered, note: `${count} TCP connections` };
}

const shape = { unit: 'MB/s', compare: 'ratio', better: 'more' } as const;
const tls: Row = {
  name: 'tcp-tls',
  figure,
  against: 'bare TLS from memory',
  ...shape,
  floor: 0.2,
  aim: 0.35,
};
const wormhole: Row = {
  name: 'tcp-wormhole',
  figure,
  against: 'magic-wormhole',
  ...shape,
  floor: 1.5,
  aim: 3,
};

export const TCP: readonly Experiment[] = [
  {
    rows: [tls],
    measure: (bench) => besides(bench, tls.name, async (_, bytes) => (await moveOverTls(bytes)).seconds),
  },
  {
    rows: [wormhole],
    async *measure(bench) {
      await using mailbox = await startMailbox(bench.folder);
      yield* besides(bench, wormhole.name, (path) => wormholeSeconds(mailbox, path, bench.folder));
    },
  },
];
