import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, type Experiment, GIB, MIB } from '../bench.ts';
import { inTurn, type Row } from '../figures.ts';
import { openLongLink } from '../long-link.ts';
import { cubicSpeed } from '../peers/iperf.ts';
import { commandsOn, openPagesOn } from '../peers/on-two-hosts.ts';
import { shown, watchTcp } from '../peers/over-tcp.ts';
import { DATA_CHANNELS_ONLY, type Parties } from '../peers/parties.ts';
import type { TwoHosts } from '../two-hosts.ts';

/** What one TCP flow with CUBIC is left of what it gets alone, while a delivery of ours goes over the same link. */

/** Until ours has found its pace. */
const LEAD_SECONDS = 5;
const VISIT_TIMEOUT_MS = 10 * 60_000;
/** Over a long way data channels carry beside TCP: below this it is they that the flow was beside. */
const LEAST_TCP_SHARE = 0.05;

interface Beside {
  /** In MB/s. */
  readonly speed: number;
  /** Of what ours delivered meanwhile, from 0 to 1. */
  readonly tcpShare: number;
  readonly went: string;
}

/** The flow once ours is on its way. */
async function besideOurs(bench: Bench, link: TwoHosts, { sender, receiver }: Parties): Promise<Beside> {
  // More than can be delivered meanwhile: it is broken off.
  const bytes = bench.isShort ? 256 * MIB : GIB;
  await using sharing = await sender.offer(await bench.file(bytes));
  await using visit = await receiver.visit(sharing.url);
  await visit.take();
  let ended: string | undefined;
  visit.done(VISIT_TIMEOUT_MS).then(
    () => {
      ended = 'was through';
    },
    (error: Error) => {
      ended = `failed (${error.message})`;
    },
  );
  await sleep(bench.isShort ? 1000 : LEAD_SECONDS * 1000);
  const tcp = await watchTcp(link);
  const before = await visit.percent();
  const speed = await cubicSpeed(link, seconds(bench));
  const after = await visit.percent();
  const tcpShare = await tcp.share(((after - before) / 100) * bytes);
  if (ended !== undefined) throw new Error(`ours ${ended} before the other flow was measured`);
  const went = `ours went from ${before.toFixed(0)} to ${after.toFixed(0)} % meanwhile`;
  return { speed, tcpShare, went };
}

const seconds = (bench: Bench): number => (bench.isShort ? 4 : 20);

interface Opened extends AsyncDisposable {
  readonly parties: Parties;
}

/** @param isAboutTcp whether it fails where TCP has no part in what ours delivers */
function beside(
  name: string,
  figure: string,
  open: (bench: Bench, link: TwoHosts) => Promise<Opened>,
  isAboutTcp = false,
): Experiment {
  const row: Row = {
    ...{ name, figure: `one TCP flow with CUBIC beside ${figure}`, against: 'the flow alone', unit: 'MB/s' },
    ...{ compare: 'ratio', better: 'more', floor: 0.2 },
  };
  return {
    rows: [row],
    async *measure(bench) {
      await using link = await openLongLink(bench);
      await using opened = await open(bench, link);
      for (const round of bench.eachRound()) {
        const [alone, together] = await inTurn(
          round,
          () => cubicSpeed(link, seconds(bench)),
          () => besideOurs(bench, link, opened.parties),
        );
        const { speed, tcpShare, went } = together;
        const note = isAboutTcp ? `${went}, TCP carried ${shown(tcpShare)}` : went;
        if (isAboutTcp && tcpShare < LEAST_TCP_SHARE) throw new Error(`${note}, and this row is about TCP`);
        yield { [name]: { ours: speed, against: alone, note } };
      }
    },
  };
}

async function openCommands(bench: Bench, link: TwoHosts, args: readonly string[] = []): Promise<Opened> {
  return { parties: commandsOn(link, bench, args), [Symbol.asyncDispose]: async () => {} };
}

export const FAIRNESS: readonly Experiment[] = [
  beside('fair-chromium', 'Chromium to Chromium', (_, link) => openPagesOn(link)),
  beside('fair-node', 'Node to Node, data channels only', (bench, link) =>
    openCommands(bench, link, DATA_CHANNELS_ONLY),
  ),
  beside('fair-tcp', 'Node to Node, TCP lanes as well', openCommands, true),
];
