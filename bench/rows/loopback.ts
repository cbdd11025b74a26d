import type { Page } from '@playwright/test';
import { type BareEnd, moveBare } from '../bare/channel.ts';
import { nodeEnd } from '../bare/node-end.ts';
import { pageEnd } from '../bare/page-end.ts';
import { type Bench, type Experiment, GIB, MIB } from '../bench.ts';
import { type Browser, launchChromium } from '../chromium.ts';
import { inTurn, type Pair, type Row } from '../figures.ts';
import { dataChannelsOnly } from '../our-options.ts';
import { deliverWhole, speedOf } from '../peers/delivery.ts';
import {
  commandReceiver,
  commandSender,
  pageReceiver,
  pageSender,
  type Receiver,
  type Sender,
} from '../peers/parties.ts';
import { ProcessWatch } from '../processes.ts';

/** Every pairing over loopback: how fast beside a bare data channel, and for how much of the processors. */

type Kind = 'chromium' | 'node';

const LIMIT_SECONDS = 300;

interface Side<Ours> {
  readonly ours: Ours;
  /** A new end for each round, and the first processes of what it runs on. */
  bare(): { end: BareEnd; roots: readonly number[] };
}

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
      await using server = await bench.serve();
      await using browser = isOverNodeAlone ? undefined : await launchChromium();
      const args = isOverNodeAlone ? await dataChannelsOnly() : [];
      const sides = await makeSides({ from, to, bench, serverUrl: server.url, browser, args });
      for (const round of bench.eachRound()) {
        const [theirs, ours] = await inTurn(
          round,
          () => moveOneBare(sides, bytes),
          () => deliverOurs(sides, path, bytes),
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

interface Sides {
  readonly sender: Side<Sender>;
  readonly receiver: Side<Receiver>;
}

async function makeSides(options: {
  from: Kind;
  to: Kind;
  bench: Bench;
  serverUrl: string;
  browser: Browser | undefined;
  args: readonly string[];
}): Promise<Sides> {
  const { from, to, bench, serverUrl, browser, args } = options;
  const command = { serverUrl, env: bench.env, args };
  const bareNode = () => {
    const end = nodeEnd();
    return { end, roots: [end.pid] };
  };
  const inPage = async <Ours>(make: (page: Page, pid: number) => Ours): Promise<Side<Ours>> => {
    if (browser === undefined) throw new Error('a page needs a browser');
    const page = await browser.page();
    return { ours: make(page, browser.pid), bare: () => ({ end: pageEnd(page), roots: [browser.pid] }) };
  };
  return {
    sender:
      from === 'node'
        ? { ours: commandSender(command), bare: bareNode }
        : await inPage((page, pid) => pageSender(page, pid, serverUrl)),
    receiver:
      to === 'node'
        ? { ours: commandReceiver(command, bench.folder), bare: bareNode }
        : await inPage((page, pid) => pageReceiver(page, pid)),
  };
}

async function moveOneBare({ sender, receiver }: Sides, bytes: number): Promise<Measured> {
  const [from, to] = [sender.bare(), receiver.bare()];
  await using sending = from.end;
  await using receiving = to.end;
  let watch: ProcessWatch | undefined;
  const moved = await moveBare(sending, receiving, { bytes, seconds: LIMIT_SECONDS }, () => {
    watch = new ProcessWatch([...new Set([...from.roots, ...to.roots])]);
  });
  const used = await watch?.stop();
  return { ...moved, cpuSeconds: used?.cpuSeconds ?? Number.NaN };
}

async function deliverOurs({ sender, receiver }: Sides, path: string, bytes: number): Promise<Measured> {
  let watch: ProcessWatch | undefined;
  let cpuSeconds = Number.NaN;
  const delivered = await deliverWhole(sender.ours, receiver.ours, {
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
