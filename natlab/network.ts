import type { Link } from './link.ts';

/**
 * A network in words: what is on the public segment, and what stands behind each router. A server with two
 * addresses is always there, and is called `server`.
 *
 * @example
 * { routers: { home: { nat: 'port', hosts: { alice: {} } } }, hosts: { bob: { link: { delayMs: 25 } } } }
 */
export interface Network {
  readonly routers?: Readonly<Record<string, Router>>;
  /** Hosts with a public address of their own. */
  readonly hosts?: Readonly<Record<string, Host>>;
  /** The server's cable. */
  readonly server?: { readonly link?: Link };
}

export interface Host {
  /** What its cable is like; without one it costs nothing. */
  readonly link?: Link;
  /** Whether it has IPv4, true unless said. Behind a router, the router's is meant as well. */
  readonly ipv4?: boolean;
  /** For a host on the public segment, whether it has IPv6, false unless said. Behind a router, the router decides. */
  readonly ipv6?: boolean;
}

/** A router with what is behind it: a home's, or, where routers stand behind it, a carrier's. */
export interface Router extends RouterBehaviour {
  readonly hosts?: Readonly<Record<string, Host>>;
  readonly routers?: Readonly<Record<string, Router>>;
  /** What the cable to the outside is like. */
  readonly link?: Link;
  /** The network inside, such as `10.0.0.0/24`; one of its own for each router unless said. */
  readonly lan?: `${number}.${number}.${number}.0/24`;
  /** Whether it has IPv4 and translates it, true unless said. */
  readonly ipv4?: boolean;
  /**
   * Native IPv6, none unless said: behind a stateful firewall, open to all, or `broken`: addresses and a
   * default route that lead nowhere.
   */
  readonly ipv6?: 'firewalled' | 'open' | 'broken';
  /** Its hosts reach the router and no one else on their LAN, as guests of a café's Wi-Fi do. */
  readonly isolatesHosts?: boolean;
  /** Lets hosts open ports by themselves: by UPnP, by NAT-PMP and PCP, or by all three. */
  readonly portMapping?: 'upnp' | 'pcp' | 'all';
}

/**
 * How a NAT maps and filters, by the words of RFC 4787:
 *
 * | type | mapping | filtering |
 * |---|---|---|
 * | `fullcone` | endpoint-independent | endpoint-independent |
 * | `addr` | endpoint-independent | address-dependent |
 * | `port` | endpoint-independent | address- and port-dependent |
 * | `symaddr` | address-dependent | address- and port-dependent |
 * | `symseq` | address- and port-dependent, ports count up | address- and port-dependent |
 * | `sym` | address- and port-dependent, ports at random | address- and port-dependent |
 */
export type NatType = (typeof NAT_TYPES)[number];

export const NAT_TYPES = ['fullcone', 'addr', 'port', 'symaddr', 'symseq', 'sym'] as const;

/** What of a router can be changed while it runs. */
export interface RouterBehaviour {
  readonly nat: NatType;
  /** For `symseq`: by how much each new mapping's port exceeds the one before, 1 unless said. */
  readonly portStep?: number;
  /** For `sym`: how many public addresses its mappings are spread over, 1 unless said. */
  readonly wanAddresses?: number;
  /** Whether hosts inside reach one another by their mapped addresses, false unless said. */
  readonly hairpin?: boolean;
  /** What happens to packets from outside that no mapping claims, `drop` unless said. */
  readonly unclaimed?: 'drop' | 'reject' | 'accept';
  /** What may leave, everything unless said. */
  readonly outbound?: 'udp-dropped' | 'udp-rejected' | 'only-tcp-443';
  /** After how long without packets a UDP mapping is forgotten; Linux's 30 s, and 120 s once answered, unless said. */
  readonly mappingSeconds?: number;
}

/** What every lab has, and names that Linux allows no interface. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  ...['core', 'server', 'lo', 'lan', 'wan', 'eth0'],
  ...['all', 'default'],
]);

/** @throws {RangeError} that says what is wrong with which machine, and what to write instead */
export function checkRouter(name: string, router: RouterBehaviour): void {
  const complain = (text: string): never => {
    throw new RangeError(`Router ${name}: ${text}`);
  };
  if (!NAT_TYPES.includes(router.nat))
    complain(`nat is one of ${NAT_TYPES.join(', ')}, not "${router.nat}".`);
  if (router.portStep !== undefined) {
    if (router.nat !== 'symseq') complain('portStep belongs to nat "symseq".');
    if (!isWithin(router.portStep, 1, 1000)) complain('portStep is a whole number from 1 to 1000.');
  }
  if (router.wanAddresses !== undefined) {
    if (router.nat !== 'sym') complain('wanAddresses belongs to nat "sym".');
    if (!isWithin(router.wanAddresses, 1, 8)) complain('wanAddresses is a whole number from 1 to 8.');
  }
  if (router.mappingSeconds !== undefined && !isWithin(router.mappingSeconds, 1, 86_400)) {
    complain('mappingSeconds is a whole number from 1 to 86400.');
  }
}

/** @throws {RangeError} where the name is none, or taken */
export function checkName(name: string, taken: ReadonlySet<string>): void {
  if (!/^[a-z][a-z0-9]{0,11}$/.test(name)) {
    throw new RangeError(`"${name}" is no name for a machine: take up to 12 small letters and digits.`);
  }
  if (RESERVED_NAMES.has(name) || taken.has(name)) {
    throw new RangeError(`"${name}" is the name of something else in this network: take another.`);
  }
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
