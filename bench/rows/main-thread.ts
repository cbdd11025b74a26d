import { type Experiment, MIB } from '../bench.ts';
import { type Pair, percentile, type Row } from '../figures.ts';
import { deliverWhole } from '../peers/delivery.ts';
import { openOnLoopback } from '../peers/on-loopback.ts';
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
      await using opened = await openOnLoopback(bench, 'chromium', 'chromium');
      const { sender: from, receiver: to } = opened.pages;
      if (!from || !to) throw new Error('there are no pages');
      for (const _ of bench.eachRound()) {
        let trace: Trace | undefined;
        let tasks: readonly (readonly number[])[] = [];
        await deliverWhole(opened.parties, {
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
