import type { Page } from '@playwright/test';
import * as v from 'valibot';
import { within } from './bounded.ts';

/** The browser's own record of what the main threads of its pages did. */

export interface Trace {
  /** @returns for each of the pages the tasks of its main thread, in ms */
  stop(): Promise<number[][]>;
}

type Session = Awaited<ReturnType<ReturnType<Page['context']>['newCDPSession']>>;

const TIMEOUT_MS = 120_000;
/** Tasks, and what pages mark. */
const CATEGORIES = ['toplevel', 'blink.user_timing'];
const TASK = 'ThreadControllerImpl::RunTask';
/** By which each page is found again in the trace: processes and threads have no other names there. */
const MARK = 'sallyport-bench-page-';

const Events = v.object({
  traceEvents: v.array(
    v.object({
      name: v.string(),
      ph: v.string(),
      pid: v.number(),
      tid: v.number(),
      dur: v.optional(v.number()),
    }),
  ),
});

/** @param pages of one browser */
export async function startTrace(pages: readonly Page[]): Promise<Trace> {
  const [first] = pages;
  if (first === undefined) throw new RangeError('there is no page to trace');
  const session = await first.context().newCDPSession(first);
  await session.send('Tracing.start', {
    transferMode: 'ReturnAsStream',
    traceConfig: { recordMode: 'recordAsMuchAsPossible', includedCategories: CATEGORIES },
  });
  for (const [index, page] of pages.entries())
    await page.evaluate((mark) => void performance.mark(mark), `${MARK}${index}`);
  return {
    stop: async () => {
      const text = await within('reading a trace', TIMEOUT_MS, read(session));
      const { traceEvents } = v.parse(Events, JSON.parse(text));
      return pages.map((_, index) => {
        const main = traceEvents.find(({ name }) => name === `${MARK}${index}`);
        return traceEvents
          .filter(
            ({ name, ph, pid, tid }) => name === TASK && ph === 'X' && pid === main?.pid && tid === main.tid,
          )
          .map(({ dur = 0 }) => dur / 1000);
      });
    },
  };
}

async function read(session: Session): Promise<string> {
  const completed = new Promise<string>((resolve, reject) => {
    session.once('Tracing.tracingComplete', ({ stream, dataLossOccurred }) => {
      if (stream === undefined || dataLossOccurred) reject(new Error('the trace has lost events'));
      else resolve(stream);
    });
  });
  await session.send('Tracing.end');
  const handle = await completed;
  const parts: Buffer[] = [];
  for (;;) {
    const { data, eof, base64Encoded } = await session.send('IO.read', { handle });
    parts.push(Buffer.from(data, base64Encoded ? 'base64' : 'utf8'));
    if (eof) break;
  }
  await session.send('IO.close', { handle });
  await session.detach();
  return Buffer.concat(parts).toString();
}
