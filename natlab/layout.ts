import { isIPv4 } from 'node:net';
import type { Link } from './link.ts';
import { checkName, checkRouter, type Host, type Network, type Router } from './network.ts';

/** One network namespace: a host, a router, or the core, which is the public segment's switch. */
export interface Machine {
  readonly name: string;
  /** Its plug into a switch; the core has none. */
  readonly outside?: Outside;
  /** Its switch, a bridge called `lan`; hosts have none. */
  readonly inside?: Inside;
  readonly router?: Router;
}

export interface Outside {
  readonly interface: 'eth0' | 'wan';
  /** The first IPv4 address is its own, and so is the first IPv6 address. */
  readonly addresses: readonly Address[];
  /** Addresses that nobody else has, for a router that is given a new one later. */
  readonly spare: readonly Address[];
}

export interface Inside {
  readonly addresses: readonly Address[];
  /** IPv6 networks behind routers that stand inside. */
  readonly routes: readonly { readonly to: string; readonly via: string }[];
}

export interface Address {
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefixLength: number;
  /** The router that leads on; none where this machine is the one. */
  readonly gateway?: string;
}

/** What connects a machine with the switch that it is plugged into; it has the machine's name. */
export interface Cable {
  readonly machine: string;
  readonly interface: 'eth0' | 'wan';
  readonly into: string;
  readonly isolated: boolean;
  readonly link?: Link;
}

export interface Layout {
  /** The core first, then each machine before those behind it. */
  readonly machines: readonly Machine[];
  readonly cables: readonly Cable[];
}

const SPARE_ADDRESSES = 8;
/** 11.0.k.0 is the k-th one's part of the public segment; 10.0.k.0, 100.64.k.0 and 2001:db8:k:: are what is behind it. */
const MAX_MACHINES = 250;

/** A switch that is being laid out. */
interface Segment {
  readonly switch: string;
  readonly network: string;
  readonly isolated: boolean;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /**
   * Addresses for what is plugged in.
   * @param machine its number in the whole network, 0 for what has none
   * @param count how many IPv4 addresses it is given
   */
  handOut(machine: number, count: number): { v4: Address[]; v6: Address };
  readonly routes: { to: string; via: string }[];
}

/**
 * Gives every machine of a network its addresses and its cable. Addresses are public by their look, as some
 * programs refuse those that are reserved for documentation.
 *
 * @throws {RangeError} where the description contradicts itself
 */
export function layOut(network: Network): Layout {
  const machines: Machine[] = [];
  const cables: Cable[] = [];
  const taken = new Set<string>();
  let count = 0;

  const plugIn = (
    segment: Segment,
    name: string,
    machine: Omit<Machine, 'outside' | 'name'> & { outside: Outside['interface'] },
    families: { ipv4: boolean; ipv6: boolean },
    link: Link | undefined,
    number: number,
  ): Machine => {
    const firsts = machine.router?.wanAddresses ?? 1;
    const handed = segment.handOut(number, firsts + (machine.router === undefined ? 0 : SPARE_ADDRESSES));
    const v4 = families.ipv4 ? handed.v4 : [];
    const laid = {
      ...machine,
      name,
      outside: {
        interface: machine.outside,
        addresses: [...v4.slice(0, firsts), ...(families.ipv6 ? [handed.v6] : [])],
        spare: v4.slice(firsts),
      },
    };
    machines.push(laid);
    cables.push({
      machine: name,
      interface: machine.outside,
      into: segment.switch,
      isolated: segment.isolated,
      ...(link === undefined ? {} : { link }),
    });
    return laid;
  };

  const claim = (name: string): void => {
    checkName(name, taken);
    taken.add(name);
  };
  /** For what has a part of the public segment or is a segment itself. */
  const nextNumber = (): number => {
    count += 1;
    if (count > MAX_MACHINES)
      throw new RangeError(`A network has ${MAX_MACHINES} routers and public hosts at most.`);
    return count;
  };

  const addHosts = (segment: Segment, hosts: Readonly<Record<string, Host>>, isPublic: boolean): void => {
    for (const [name, host] of Object.entries(hosts)) {
      claim(name);
      const number = isPublic ? nextNumber() : 0;
      const families = {
        ipv4: segment.ipv4 && (host.ipv4 ?? true),
        ipv6: segment.ipv6 && (isPublic ? (host.ipv6 ?? false) : true),
      };
      if (!families.ipv4 && !families.ipv6) throw new RangeError(`Host ${name} has neither IPv4 nor IPv6.`);
      plugIn(segment, name, { outside: 'eth0' }, families, host.link, number);
    }
  };

  const addRouters = (segment: Segment, routers: Readonly<Record<string, Router>>): void => {
    for (const [name, router] of Object.entries(routers)) {
      claim(name);
      checkRouter(name, router);
      const number = nextNumber();
      const ipv4 = router.ipv4 ?? true;
      const ipv6 = router.ipv6 !== undefined;
      if (!ipv4 && !ipv6) throw new RangeError(`Router ${name} has neither IPv4 nor IPv6.`);
      if ((ipv4 && !segment.ipv4) || (ipv6 && !segment.ipv6)) {
        throw new RangeError(`Router ${name} has an IP version that the router before it has not.`);
      }
      const isCarrier = Object.keys(router.routers ?? {}).length > 0;
      const lan = lanSegment(name, number, router, isCarrier);
      if (lan.segment.network === segment.network) {
        throw new RangeError(`Router ${name} has the same network inside and outside: ${segment.network}.`);
      }
      const inside = { addresses: lan.own, routes: lan.segment.routes };
      const { outside } = plugIn(
        segment,
        name,
        { outside: 'wan', inside, router },
        { ipv4, ipv6 },
        router.link,
        number,
      );
      addRouters(lan.segment, router.routers ?? {});
      addHosts(lan.segment, router.hosts ?? {}, false);
      const via = outside?.addresses.find(({ family }) => family === 6)?.address;
      if (via !== undefined) {
        segment.routes.push({ to: `2001:db8:${number.toString(16)}::/64`, via });
        segment.routes.push(...lan.segment.routes.map(({ to }) => ({ to, via })));
      }
    }
  };

  const core = publicSegment();
  machines.push({
    name: 'core',
    inside: {
      addresses: [
        { family: 4, address: '11.0.255.254', prefixLength: 16 },
        { family: 6, address: '2001:db8::ffff', prefixLength: 64 },
      ],
      routes: core.routes,
    },
  });
  const { v4, v6 } = core.handOut(0, 2);
  machines.push({
    name: 'server',
    outside: {
      interface: 'eth0',
      addresses: [...v4, v6, { ...v6, address: '2001:db8::2' }],
      spare: [],
    },
  });
  cables.push({
    machine: 'server',
    interface: 'eth0',
    into: 'core',
    isolated: false,
    ...(network.server?.link === undefined ? {} : { link: network.server.link }),
  });
  addRouters(core, network.routers ?? {});
  addHosts(core, network.hosts ?? {}, true);
  return { machines, cables };
}

function publicSegment(): Segment {
  return {
    switch: 'core',
    network: '11.0.0.0/16',
    isolated: false,
    ipv4: true,
    ipv6: true,
    handOut: (machine, count) => ({
      v4: range(1, count).map((own) => ({
        family: 4,
        address: `11.0.${machine}.${own}`,
        prefixLength: 16,
        gateway: '11.0.255.254',
      })),
      v6: {
        family: 6,
        address: machine === 0 ? '2001:db8::1' : `2001:db8::${machine.toString(16)}:1`,
        prefixLength: 64,
        gateway: '2001:db8::ffff',
      },
    }),
    routes: [],
  };
}

function lanSegment(
  name: string,
  number: number,
  router: Router,
  isCarrier: boolean,
): { segment: Segment; own: Address[] } {
  const network = router.lan ?? (isCarrier ? `100.64.${number}.0/24` : `10.0.${number}.0/24`);
  if (!isIPv4(network.replace(/\/24$/, '')) || !network.endsWith('.0/24') || network.startsWith('11.0.')) {
    throw new RangeError(`Router ${name}: lan is a network such as 10.0.0.0/24, not ${network}.`);
  }
  const base = network.replace(/\.0\/24$/, '');
  const prefix = `2001:db8:${number.toString(16)}:`;
  const ipv4 = router.ipv4 ?? true;
  const ipv6 = router.ipv6 !== undefined;
  let next = 2;
  const segment: Segment = {
    switch: name,
    network,
    isolated: router.isolatesHosts ?? false,
    ipv4,
    ipv6,
    handOut: (_machine, count) => {
      const first = next;
      next += count;
      if (next > 255)
        throw new RangeError(`Router ${name} has more behind it than ${network} has addresses.`);
      return {
        v4: range(first, count).map((own) => ({
          family: 4,
          address: `${base}.${own}`,
          prefixLength: 24,
          gateway: `${base}.1`,
        })),
        v6: {
          family: 6,
          address: `${prefix}:${first.toString(16)}`,
          prefixLength: 64,
          gateway: `${prefix}:1`,
        },
      };
    },
    routes: [],
  };
  const own: Address[] = [
    ...(ipv4 ? [{ family: 4, address: `${base}.1`, prefixLength: 24 } as const] : []),
    ...(ipv6 ? [{ family: 6, address: `${prefix}:1`, prefixLength: 64 } as const] : []),
  ];
  return { segment, own };
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}
