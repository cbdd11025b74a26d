import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page, Browser as Playwrights } from '@playwright/test';
import { share } from '../../e2e/harness/pages.ts';
import { openingMs } from '../bare/opening.ts';
import type { Bench, Experiment } from '../bench.ts';
import { within } from '../bounded.ts';
import { launchBlank } from '../chromium.ts';
import { inTurn, median, percentile, type Row } from '../figures.ts';
import { openLongLink } from '../long-link.ts';
import { type Arrival, watchFirstByte } from '../peers/first-byte.ts';
import { watchRoundTrips } from '../peers/ping.ts';

/**
 * From the opening of a link to the first byte of data, in browsers that have seen nothing before. The clock starts
 * where the page's script has begun its work; what the page itself takes to load is told beside it.
 */

const STEP_TIMEOUT_MS = 60_000;
const FILE_BYTES = 2048;
const SECONDS_OF_PINGS = 2;

const loopback: Row = {
  ...{ name: 'first-byte', figure: 'link opened to first byte, Chromium to Chromium, loopback' },
  ...{ against: 'bare offer, answer, channel open', unit: 'ms', compare: 'ratio', better: 'less' },
  ...{ floor: 2, aim: 1.5 },
};
const long: Row = {
  ...{ name: 'first-byte-long', figure: 'the same at 50 ms, in 9 of 10 runs', against: 'round trip' },
  ...{ unit: 'ms', compare: 'ratio', better: 'less', floor: 10, aim: 8 },
};

interface Side {
  readonly browser: Playwrights;
  readonly serverUrl: string;
}

/** Once, with new contexts on both sides. */
async function arrive(bench: Bench, sender: Side, receiver: Side): Promise<Arrival> {
  const path = await bench.file(FILE_BYTES);
  const [from, to] = [await openContext(sender.browser), await openContext(receiver.browser)];
  try {
    await from.goto(sender.serverUrl);
    const { url } = await within('offering by a page', STEP_TIMEOUT_MS, share(from, [path]));
    return await within('the first byte', STEP_TIMEOUT_MS, watchFirstByte(to, url, await headOf(path)));
  } finally {
    await Promise.all([from, to].map((page) => page.context().close()));
  }
}

async function openContext(browser: Playwrights): Promise<Page> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  return context.newPage();
}

async function headOf(path: string): Promise<number[]> {
  const file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(16), 0, 16, 0);
  await file.close();
  return [...buffer];
}

async function repeat<T>(times: number, step: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let time = 0; time < times; time += 1) all.push(await step());
  return all;
}

function noteOn(arrivals: readonly Arrival[]): string {
  const load = median(arrivals.map(({ openedMs }) => openedMs));
  const offered = median(arrivals.map(({ offeredMs, openedMs }) => offeredMs - openedMs));
  return `the page itself took ${load.toFixed(0)} ms to load, the offer stood after ${offered.toFixed(0)} ms more`;
}

const lasted = ({ firstByteMs, openedMs }: Arrival): number => firstByteMs - openedMs;

export const FIRST_BYTE: readonly Experiment[] = [
  {
    rows: [loopback],
    async *measure(bench) {
      await using server = await bench.serve();
      await using browser = await launchBlank();
      const side = { browser, serverUrl: server.url };
      const times = bench.isShort ? 2 : 5;
      for (const round of bench.eachRound()) {
        const [bare, arrivals] = await inTurn(
          round,
          () =>
            repeat(times, () => within('a bare opening', STEP_TIMEOUT_MS, openingMs(browser, server.url))),
          () => repeat(times, () => arrive(bench, side, side)),
        );
        yield {
          [loopback.name]: {
            ...{ ours: median(arrivals.map(lasted)), against: median(bare), note: noteOn(arrivals) },
            details: { bare, arrivals },
          },
        };
      }
    },
  },
  {
    rows: [long],
    async *measure(bench) {
      await using link = await openLongLink(bench);
      await using alice = await launchBlank(link.launching('alice'));
      await using bob = await launchBlank(link.launching('bob'));
      const serverUrl = link.server.url;
      for (const _ of bench.eachRound()) {
        const endPings = watchRoundTrips(link);
        await sleep(SECONDS_OF_PINGS * 1000);
        const { medianMs } = endPings();
        const arrivals = await repeat(bench.isShort ? 3 : 10, () =>
          arrive(bench, { browser: alice, serverUrl }, { browser: bob, serverUrl }),
        );
        const all = arrivals.map(lasted);
        const spread = `from ${percentile(all, 0).toFixed(0)} to ${percentile(all, 100).toFixed(0)} ms`;
        yield {
          [long.name]: {
            ...{ ours: percentile(all, 90), against: medianMs, note: `${spread}; ${noteOn(arrivals)}` },
            details: { arrivals },
          },
        };
      }
    },
  },
];
