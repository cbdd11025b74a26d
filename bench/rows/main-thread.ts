import { type Experiment, MIB } from '../bench.ts';
import { launchChromium } from '../chromium.ts';
import { type Pair, percentile, type Row } from '../figures.ts';
import { deliverWhole } from '../peers/delivery.ts';
import { pageReceiver, pageSender } from '../peers/parties.ts';
import { startTrace, type Trace } from '../trace.ts';

/** How long a page that sends or receives is deaf to its user: the tasks of its main thread. */

const LIMIT_SECONDS = 300;
/** What the browser itself calls a long task. */
const LONG_TASK_MS = 50;

const shape = { against: '', unit: 'ms', compare: 'alone', better: 'less', floor: 50, aim: 16 } as const;
const sending: Row = {
  ...{ name: 'main-thread-sending', figure: 'main-thread tasks of the page that sends, p99', ...shape },
};
const receiving: Row = {
  ...{ name: 'main-thread-receiving', figure: 'main-thread tasks of the page that receives, p99', ...shape },
};

function toPair(tasksMs: readonly number[]): Pair {
  if (tasksMs.length === 0) throw new Error('the trace holds no tasks of a page');
  const long = tasksMs.filter((ms) => ms > LONG_TASK_MS).length;
  const longest = percentile(tasksMs, 100);
  const note = `${tasksMs.length} tasks, the longest ${longest.toFixed(0)} ms, ${long} above ${LONG_TASK_MS} ms`;
  return { ours: percentile(tasksMs, 99), note };
}

export const MAIN_THREAD: readonly Experiment[] = [
  {
    rows: [sending, receiving],
    async *measure(bench) {
      const bytes = (bench.isShort ? 8 : 128) * MIB;
      const path = await bench.file(bytes);
      await using server = await bench.serve();
      await using browser = await launchChromium();
      const [from, to] = [await browser.page(), await browser.page()];
      const [sender, receiver] = [pageSender(from, browser.pid, server.url), pageReceiver(to, browser.pid)];
      for (const _ of bench.eachRound()) {
        let trace: Trace | undefined;
        let tasks: readonly (readonly number[])[] = [];
        await deliverWhole(sender, receiver, {
          ...{ path, bytes, limitSeconds: LIMIT_SECONDS },
          onTaking: async () => {
            trace = await startTrace([from, to]);
          },
          onThrough: async () => {
            tasks = (await trace?.stop()) ?? [];
          },
        });
        const [sent = [], received = []] = tasks;
        yield { [sending.name]: toPair(sent), [receiving.name]: toPair(received) };
      }
    },
  },
];
