import type { Link } from '#natlab/link.ts';
import type { NatType, Network } from '#natlab/network.ts';

const DELAY_MS = 10;

/** So that 50 MiB take some ten seconds, in which something can happen. */
export const FULL_RATE: Link = { delayMs: DELAY_MS, rateMbit: 40 };
/** A block in almost two seconds: slow enough to see one after the other arrive. */
export const SLOW_RATE: Link = { delayMs: DELAY_MS, rateMbit: 5 };
/** A block in more than four: slow enough to meet the last one on its way, also where the machine is busy. */
export const LAST_RATE: Link = { delayMs: DELAY_MS, rateMbit: 2 };

/** Two homes as most are, a continent apart. The sender's link is the slower one. */
export function homes(nats: { readonly home: NatType; readonly office: NatType }): Network {
  return {
    routers: {
      home: { nat: nats.home, link: FULL_RATE, hosts: { alice: {} } },
      office: { nat: nats.office, link: { delayMs: DELAY_MS }, hosts: { bob: {} } },
    },
  };
}
