import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { BareEnd, Load, Moved } from './channel.ts';

/** What goes to the process and what comes back, each in its turn. */
export type Order =
  | { readonly order: 'offer'; readonly load: Load }
  | { readonly order: 'answer'; readonly offer: string; readonly load: Load }
  | { readonly order: 'accept'; readonly answer: string }
  | { readonly order: 'moved' };
export type Reply = string | Moved;

/** An end in a Node process of its own, on node-datachannel as it comes. */
export function nodeEnd(): BareEnd & { readonly pid: number } {
  const child = fork(join(import.meta.dirname, 'node-end-main.ts'), { execArgv: ['--import', 'tsx'] });
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`a bare end left with ${code}`);
  });
  gone.catch(() => {});
  const ask = async (order: Order): Promise<Reply> => {
    const reply = once(child, 'message');
    child.send(order);
    const [said] = await Promise.race([reply, gone]);
    return said as Reply;
  };
  return {
    pid: child.pid ?? 0,
    offer: async (load) => String(await ask({ order: 'offer', load })),
    answer: async (offer, load) => String(await ask({ order: 'answer', offer, load })),
    accept: async (answer) => void (await ask({ order: 'accept', answer })),
    moved: async () => (await ask({ order: 'moved' })) as Moved,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await gone.catch(() => {});
    },
  };
}
