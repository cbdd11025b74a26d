import * as v from 'valibot';
import type { EmulatedLink } from './emulation.ts';
import { type Link, netemArguments, type ResolvedDirection, resolveLink } from './link.ts';

/** An interface, in its namespace. */
export interface End {
  readonly namespace: string;
  readonly device: string;
}

export interface NetemOptions {
  /** Runs a shell script where the namespaces are known by their names. */
  readonly run: (script: string) => Promise<string>;
  /** Both ends of the cable, each by the direction of the frames that leave by it. */
  readonly ends: Readonly<Record<'up' | 'down', End>>;
  readonly link: Link;
}

const Statistics = v.pipe(
  v.string(),
  v.parseJson(),
  v.tuple([v.object({ kind: v.literal('netem'), packets: v.number(), drops: v.number(), qlen: v.number() })]),
);

/**
 * Makes a cable a link by the kernel's own emulator, which is gone with its namespaces. Its losses differ each time:
 * the seed is left out, as iproute2 before 6.6 does not know the word.
 */
export async function startNetem({ run, ends, link }: NetemOptions): Promise<EmulatedLink> {
  const change = async (to: Link): Promise<void> => {
    const { up, down } = resolveLink(to);
    await run(`set -e\n${replace(ends.up, up)}\n${replace(ends.down, down)}`);
  };
  const count = async ({ namespace, device }: End) => {
    const [{ packets, drops, qlen }] = v.parse(
      Statistics,
      await run(`tc -n ${namespace} -s -j qdisc show dev ${device}`),
    );
    return { frames: packets + drops + qlen, delivered: packets, dropped: drops };
  };
  await change(link);
  return {
    change,
    counters: async () => {
      const [up, down] = await Promise.all([count(ends.up), count(ends.down)]);
      return { up, down };
    },
    close: async () => {},
  };
}

/** Changes one that is there already in its place, which counts on and keeps what travels. */
function replace({ namespace, device }: End, direction: ResolvedDirection): string {
  const words = netemArguments(direction);
  // It would keep the rate that it had.
  if (!words.includes('rate')) words.push('rate', '0bit');
  return `tc -n ${namespace} qdisc replace dev ${device} root ${words.join(' ')}`;
}
