import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, type Experiment, GIB, MIB } from '../bench.ts';
import type { Row } from '../figures.ts';
import { inTurn } from '../figures.ts';
import { type LongLink, openLongLink } from '../long-link.ts';
import { dataChannelsOnly, requireTcpLanes } from '../our-options.ts';
import { cubicSpeed } from '../peers/iperf.ts';
import { openPages, type Parties, parties } from '../peers/on-long-link.ts';

/** What one TCP flow with CUBIC is left of what it gets alone, while a delivery of ours goes over the same link. */

/** Until ours has found its pace. */
const LEAD_SECONDS = 5;
const VISIT_TIMEOUT_MS = 10 * 60_000;

/** @returns the flow, in MB/s, once ours is on its way */
async function besideOurs(
  bench: Bench,
  link: LongLink,
  { sender, receiver }: Parties,
): Promise<{ speed: number; note: string }> {
  // More than can be delivered meanwhile: it is broken off.
  const path = await bench.file(bench.isShort ? 64 * MIB : GIB);
  await using sharing = await sender.offer(path);
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
  const before = await visit.percent();
  const speed = await cubicSpeed(link, seconds(bench));
  const after = await visit.percent();
  if (ended !== undefined) throw new Error(`ours ${ended} before the other flow was measured`);
  return { speed, note: `ours went from ${before.toFixed(0)} to ${after.toFixed(0)} % meanwhile` };
}

const seconds = (bench: Bench): number => (bench.isShort ? 4 : 20);

interface OpenParties extends AsyncDisposable {
  readonly parties: Parties;
}

function beside(
  name: string,
  figure: string,
  open: (bench: Bench, link: LongLink) => Promise<OpenParties>,
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
        yield { [name]: { ours: together.speed, against: alone, note: together.note } };
      }
    },
  };
}

const nothing = { [Symbol.asyncDispose]: async () => {} };

export const FAIRNESS: readonly Experiment[] = [
  beside('fair-chromium', 'Chromium to Chromium', (_, link) => openPages(link)),
  beside('fair-node', 'Node to Node, data channels only', async (bench, link) => ({
    ...{ parties: parties(bench, link, await dataChannelsOnly()), ...nothing },
  })),
  beside('fair-tcp', 'Node to Node, TCP lanes as well', async (bench, link) => {
    await requireTcpLanes();
    return { parties: parties(bench, link), ...nothing };
  }),
];
