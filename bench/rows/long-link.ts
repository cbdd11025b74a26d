import { setTimeout as sleep } from 'node:timers/promises';
import { ArrivalWatch } from '../arrivals.ts';
import { type Bench, type Experiment, MIB } from '../bench.ts';
import { inTurn, type Pair, type Row } from '../figures.ts';
import { openLongLink, RATE_MBIT } from '../long-link.ts';
import { type Delivered, deliver, speedOf } from '../peers/delivery.ts';
import { cubicSpeed, floodSpeed } from '../peers/iperf.ts';
import { commandsOn, openPagesOn } from '../peers/on-two-hosts.ts';
import { DATA_CHANNELS_ONLY, type Parties } from '../peers/parties.ts';
import { type RoundTrips, watchRoundTrips } from '../peers/ping.ts';
import type { TwoHosts } from '../two-hosts.ts';

/** Over a link of 50 ms and 200 Mbit/s, without and with loss. */

const LOSS_PERCENT = 0.5;
/** One that is slower is ended then: its rate is what counts. */
const LIMIT_SECONDS = 150;

const ratio = { unit: 'MB/s', compare: 'ratio', better: 'more' } as const;
const bareOne = { against: 'one bare data channel', ...ratio };
const roundTrip = {
  against: 'idle link',
  unit: 'ms',
  compare: 'ratio',
  better: 'less',
  floor: 1.5,
  aim: 1.2,
} as const;
const atLink = 'over 50 ms, 200 Mbit/s';
const flood = { against: 'what a flood of datagrams gets through', ...ratio };

const chromium: Row = {
  ...{ name: 'long-chromium', figure: `Chromium to Chromium ${atLink}`, ...bareOne, floor: 3, aim: 5 },
};
const chromiumSteady: Row = {
  ...{ name: 'long-chromium-steady', figure: `the same, steady state`, ...flood, floor: 0.45, aim: 0.8 },
};
const chromiumRoundTrip: Row = {
  ...{ name: 'long-chromium-rtt', figure: 'round trip meanwhile, median', ...roundTrip },
};
const chromiumLoss: Row = {
  name: 'long-chromium-loss',
  ...{ figure: `Chromium to Chromium ${atLink}, ${LOSS_PERCENT} % loss`, ...bareOne, floor: 15, aim: 25 },
};
const nodeLoss: Row = {
  ...{ name: 'long-node-loss', against: 'iperf3 with CUBIC', ...ratio, floor: 15, aim: 25 },
  figure: `Node to Node, data channels only, ${atLink}, ${LOSS_PERCENT} % loss`,
};
const nodeSteady: Row = {
  ...{ name: 'long-node-steady', ...flood, floor: 0.8, aim: 0.9 },
  figure: `Node to Node, data channels only, ${atLink}, steady state`,
};
const nodeRoundTrip: Row = {
  ...{ name: 'long-node-rtt', figure: 'round trip meanwhile, median', ...roundTrip },
};

interface Seen extends Delivered {
  readonly steadySpeed: number;
  readonly roundTrips: RoundTrips;
  readonly note: string;
}

/** Ours once, with all that can be seen of it. */
async function deliverSeen(bench: Bench, link: TwoHosts, parties: Parties): Promise<Seen> {
  const bytes = (bench.isShort ? 8 : 256) * MIB;
  const path = await bench.file(bytes);
  const before = await link.lab.cable('bob').counters();
  let arrivals: ArrivalWatch | undefined;
  let endPings: (() => RoundTrips) | undefined;
  let seen: { steadySpeed: number; roundTrips: RoundTrips } | undefined;
  const delivered = await deliver(parties, {
    ...{ path, bytes, limitSeconds: bench.isShort ? 20 : LIMIT_SECONDS },
    onTaking: (roots) => {
      arrivals = new ArrivalWatch(roots.receiver[0] ?? 0);
      endPings = watchRoundTrips(link);
    },
    onThrough: async (through) => {
      if (arrivals === undefined || endPings === undefined) return;
      seen = { roundTrips: endPings(), steadySpeed: await arrivals.stop(through) };
    },
  });
  if (seen === undefined) throw new Error('the delivery was not seen');
  const after = await link.lab.cable('bob').counters();
  const percent = ((100 * delivered.bytes) / bytes).toFixed(0);
  const parts = [
    `${after.down.dropped - before.down.dropped} of ${after.down.frames - before.down.frames} frames dropped`,
    ...(delivered.isWhole ? [] : [`ended after ${delivered.seconds.toFixed(0)} s at ${percent} %`]),
  ];
  return { ...delivered, ...seen, note: parts.join('; ') };
}

async function idleRoundTrips(bench: Bench, link: TwoHosts): Promise<RoundTrips> {
  const end = watchRoundTrips(link);
  await sleep(bench.isShort ? 1000 : 5000);
  return end();
}

function steadyPair(seen: Seen, link: number): Pair {
  const note = `${seen.note}; with all headers the link has ${RATE_MBIT / 8} MB/s`;
  return { ours: seen.steadySpeed, against: link, note };
}

function roundTripPair({ roundTrips: busy }: Seen, idle: RoundTrips): Pair {
  const p95 = `p95 ${busy.p95Ms.toFixed(0)} ms, idle ${idle.p95Ms.toFixed(0)} ms`;
  const note = `${p95} (x ${(busy.p95Ms / idle.p95Ms).toFixed(2)}), ${busy.count} pings`;
  return { ours: busy.medianMs, against: idle.medianMs, note, details: { busy, idle } };
}

const floodSeconds = (bench: Bench): number => (bench.isShort ? 2 : 5);
const cubicSeconds = (bench: Bench): number => (bench.isShort ? 3 : 20);

export const LONG_LINK: readonly Experiment[] = [
  {
    rows: [chromium, chromiumSteady, chromiumRoundTrip],
    async *measure(bench) {
      await using link = await openLongLink(bench);
      await using pages = await openPagesOn(link);
      for (const round of bench.eachRound()) {
        const linkSpeed = await floodSpeed(link, floodSeconds(bench));
        const idle = await idleRoundTrips(bench, link);
        const [bare, seen] = await inTurn(
          round,
          () => pages.bareSpeed(bench),
          () => deliverSeen(bench, link, pages.parties),
        );
        yield {
          [chromium.name]: { ours: speedOf(seen), against: bare, note: seen.note },
          [chromiumSteady.name]: steadyPair(seen, linkSpeed),
          [chromiumRoundTrip.name]: roundTripPair(seen, idle),
        };
      }
    },
  },
  {
    rows: [chromiumLoss],
    async *measure(bench) {
      await using link = await openLongLink(bench, LOSS_PERCENT);
      await using pages = await openPagesOn(link);
      for (const round of bench.eachRound()) {
        const [bare, seen] = await inTurn(
          round,
          () => pages.bareSpeed(bench),
          () => deliverSeen(bench, link, pages.parties),
        );
        yield { [chromiumLoss.name]: { ours: speedOf(seen), against: bare, note: seen.note } };
      }
    },
  },
  {
    rows: [nodeLoss],
    async *measure(bench) {
      await using link = await openLongLink(bench, LOSS_PERCENT);
      const commands = commandsOn(link, bench, DATA_CHANNELS_ONLY);
      for (const round of bench.eachRound()) {
        const [cubic, seen] = await inTurn(
          round,
          () => cubicSpeed(link, cubicSeconds(bench)),
          () => deliverSeen(bench, link, commands),
        );
        yield { [nodeLoss.name]: { ours: speedOf(seen), against: cubic, note: seen.note } };
      }
    },
  },
  {
    rows: [nodeSteady, nodeRoundTrip],
    async *measure(bench) {
      await using link = await openLongLink(bench);
      const commands = commandsOn(link, bench, DATA_CHANNELS_ONLY);
      for (const round of bench.eachRound()) {
        const [[linkSpeed, idle], seen] = await inTurn(
          round,
          async () =>
            [await floodSpeed(link, floodSeconds(bench)), await idleRoundTrips(bench, link)] as const,
          () => deliverSeen(bench, link, commands),
        );
        yield {
          [nodeSteady.name]: steadyPair(seen, linkSpeed),
          [nodeRoundTrip.name]: roundTripPair(seen, idle),
        };
      }
    },
  },
];
