import type { Bench } from '../bench.ts';
import { datagramsReceived } from '../datagrams.ts';
import type { TwoHosts } from '../two-hosts.ts';
import { type Delivered, type DeliveryOptions, deliverWhole } from './delivery.ts';
import { commandsOn } from './on-two-hosts.ts';

/** How much of a delivery TCP has carried: what came, less what datagrams can have brought. */

/** What a datagram of a data channel holds at most: an IPv6 packet of 1,280 bytes less the headers of IP and UDP. */
const MAX_DATAGRAM_BYTES = 1232;
/** Of what two on one LAN deliver: a data channel begins, and rests from when TCP stands. */
const LEAST_SHARE = 0.5;

export interface TcpCarriage {
  /** @param bytes that have come since @returns the share of them, from 0 to 1, that cannot have come by data channels */
  share(bytes: number): Promise<number>;
}

/** On bob, who receives, and on whose machine nothing else receives datagrams. */
export async function watchTcp({ lab }: TwoHosts): Promise<TcpCarriage> {
  const before = await datagramsReceived(lab.host('bob'));
  return {
    share: async (bytes) => {
      const datagrams = (await datagramsReceived(lab.host('bob'))) - before;
      return bytes > 0 ? Math.max(0, 1 - (datagrams * MAX_DATAGRAM_BYTES) / bytes) : 0;
    },
  };
}

/**
 * One between commands on two hosts.
 * @throws {Error} where TCP did not carry most of it: what was measured is something else
 */
export async function deliverOverTcp(
  hosts: TwoHosts,
  bench: Bench,
  options: DeliveryOptions,
): Promise<Delivered & { readonly note: string }> {
  let carriage: TcpCarriage | undefined;
  let share = 0;
  const delivered = await deliverWhole(commandsOn(hosts, bench), {
    ...options,
    onTaking: async (roots) => {
      carriage = await watchTcp(hosts);
      await options.onTaking?.(roots);
    },
    onThrough: async (bytes) => {
      share = (await carriage?.share(bytes)) ?? 0;
      await options.onThrough?.(bytes);
    },
  });
  const note = `TCP carried ${shown(share)}`;
  if (share < LEAST_SHARE) throw new Error(`${note} of it, and this row is about TCP`);
  return { ...delivered, note };
}

export function shown(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
