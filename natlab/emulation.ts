import { middleOf } from './commands.ts';
import type { Keeper } from './keeper.ts';
import type { Cable } from './layout.ts';
import type { Link } from './link.ts';
import { type LinkDirectionCounters, startLinkem } from './linkem.ts';
import { startNetem } from './netem.ts';

/**
 * What makes a cable a link: the kernel's netem where it has it, at both ends of the cable, and linkem elsewhere, in
 * a namespace of its own in the middle of the cable.
 */
export type Emulation = 'netem' | 'linkem';

/** A link that runs. */
export interface EmulatedLink {
  /**
   * Is another link from now on.
   * @throws {RangeError} for what {@link resolveLink} refuses
   */
  change(link: Link): Promise<void>;
  counters(): Promise<EmulatedCounters>;
  /** Once only. */
  close(): Promise<void>;
}

/** Frames since the link began, by direction. */
export type EmulatedCounters = Readonly<
  Record<
    'up' | 'down',
    {
      /** That came: what was neither delivered nor dropped is on its way. */
      readonly frames: number;
      readonly delivered: number;
      /** Lost, or too many for the queue. */
      readonly dropped: number;
    }
  >
>;

/** What this kernel has. */
export async function findEmulation({ run }: Pick<Keeper, 'run'>): Promise<Emulation> {
  try {
    await run('tc qdisc add dev lo root netem delay 0 && tc qdisc del dev lo root');
    return 'netem';
  } catch {
    return 'linkem';
  }
}

/** Makes a cable that {@link buildScript} has laid for this emulation a link. */
export async function startLink(
  keeper: Keeper,
  cable: Cable,
  link: Link,
  emulation: Emulation,
): Promise<EmulatedLink> {
  if (emulation === 'netem') {
    const ends = {
      up: { namespace: cable.machine, device: cable.interface },
      down: { namespace: cable.into, device: cable.machine },
    };
    return startNetem({ run: keeper.run, ends, link });
  }
  const enter = keeper.enter(middleOf(cable));
  const linkem = await startLinkem({ enter, interfaces: ['inner', 'outer'], link });
  return {
    change: (to) => linkem.change(to),
    counters: async () => {
      const { up, down } = await linkem.counters();
      return { up: summary(up), down: summary(down) };
    },
    close: () => linkem.close(),
  };
}

function summary({ frames, delivered, missed, ...counted }: LinkDirectionCounters): EmulatedCounters['up'] {
  const { lost, queueDrops, oversize, unwhole, full, unsent } = counted;
  const dropped = lost + queueDrops + oversize + unwhole + full + unsent;
  return { frames: frames + missed, delivered, dropped: dropped + missed };
}
