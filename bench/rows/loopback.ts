import type { Page } from '@playwright/test';
import { type BareEnd, moveBare } from '../bare/channel.ts';
import { nodeEnd } from '../bare/node-end.ts';
import { pageEnd } from '../bare/page-end.ts';
import { type Experiment, GIB, MIB } from '../bench.ts';
import { inTurn, type Pair, type Row } from '../figures.ts';
import { deliverWhole, speedOf } from '../peers/delivery.ts';
import { type Kind, type OnLoopback, openOnLoopback } from '../peers/on-loopback.ts';
import { DATA_CHANNELS_ONLY, type Parties } from '../peers/parties.ts';
import { ProcessWatch } from '../processes.ts';

/** Every pairing over loopback: how fast beside a bare data channel, and for how much of the processors. */

const LIMIT_SECONDS = 300;

function pairing(from: Kind, to: Kind, floor: number, aim: number): Experiment {
  const name = `${from}-${to}`;
  const isOverNodeAlone = from === 'node' && to === 'node';
  const title = `${capital(from)} to ${capital(to)}${isOverNodeAlone ? ', data channels only' : ''}, loopback`;
  const against = 'bare data channel';
  const rows: Row[] = [
    { name, figure: title, against, unit: 'MB/s', compare: 'ratio', better: 'more', floor, aim },
    {
      ...{ name: `cpu-${name}`, figure: `CPU per GiB, both sides, ${title}`, against, unit: 's' },
      ...{ compare: 'ratio', better: 'less', floor: 1.25, aim: 1.1 },
    },
  ];
  return {
    rows,
    async *measure(bench) {
      const bytes = (bench.isShort ? 16 : 512) * MIB;
      const path = await bench.file(bytes);
      await using opened = await openOnLoopback(bench, from, to, isOverNodeAlone ? DATA_CHANNELS_ONLY : []);
      for (const round of bench.eachRound()) {
        const [theirs, ours] = await inTurn(
          round,
          () => moveOneBare(opened, bytes),
          () => deliverOurs(opened.parties, path, bytes),
        );
        yield { [name]: toSpeeds(ours, theirs), [`cpu-${name}`]: toCpu(ours, theirs) };
      }
    },
  };
}

interface Measured {
  readonly bytes: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function moveOneBare({ pages, browserPid }: OnLoopback, bytes: number): Promise<Measured> {
  const open = (page: Page | undefined): BareEnd & { pid?: number } => (page ? pageEnd(page) : nodeEnd());
  await using from = open(pages.sender);
  await using to = open(pages.receiver);
  const roots = new Set([from, to].map(({ pid = browserPid }) => pid ?? 0));
  let watch: ProcessWatch | undefined;
  const moved = await moveBare(from, to, { bytes, seconds: LIMIT_SECONDS }, () => {
    watch = new ProcessWatch([...roots]);
  });
  const used = await watch?.stop();
  return { ...moved, cpuSeconds: used?.cpuSeconds ?? Number.NaN };
}

async function deliverOurs(parties: Parties, path: string, bytes: number): Promise<Measured> {
  let watch: ProcessWatch | undefined;
  let cpuSeconds = Number.NaN;
  const delivered = await deliverWhole(parties, {
    ...{ path, bytes, limitSeconds: LIMIT_SECONDS },
    onTaking: (roots) => {
      watch = new ProcessWatch([...new Set([...roots.sender, ...roots.receiver])]);
    },
    onThrough: async () => {
      cpuSeconds = (await watch?.stop())?.cpuSeconds ?? Number.NaN;
    },
  });
  return { ...delivered, cpuSeconds };
}

function toSpeeds(ours: Measured, theirs: Measured): Pair {
  return { ours: speedOf(ours), against: speedOf(theirs), details: { ours, theirs } };
}

function toCpu(ours: Measured, theirs: Measured): Pair {
  const perGib = ({ cpuSeconds, bytes }: Measured) => (cpuSeconds / bytes) * GIB;
  return { ours: perGib(ours), against: perGib(theirs) };
}

function capital(kind: Kind): string {
  return kind === 'node' ? 'Node' : 'Chromium';
}

export const LOOPBACK: readonly Experiment[] = [
  pairing('chromium', 'chromium', 0.85, 0.95),
  pairing('chromium', 'node', 0.85, 0.95),
  pairing('node', 'chromium', 0.85, 0.95),
  pairing('node', 'node', 0.85, 0.9),
];
