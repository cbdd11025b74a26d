import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Address, layOut, type Machine } from './layout.ts';
import type { Network, Router } from './network.ts';
import { networks } from './testing/networks.ts';

const HOME: Router = { nat: 'port' };

function machine(network: Network, name: string): Machine {
  const found = layOut(network).machines.find((machine) => machine.name === name);
  if (found === undefined) throw new Error(`${name} is not laid out`);
  return found;
}

function outside(network: Network, name: string): string[] {
  return machine(network, name).outside?.addresses.map(({ address }) => address) ?? [];
}

function many<Value>(count: number, prefix: string, value: Value): Record<string, Value> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, value]));
}

describe('addresses', () => {
  test('the server has two of each kind, whatever else there is', () => {
    expect(outside({}, 'server')).toEqual(['11.0.0.1', '11.0.0.2', '2001:db8::1', '2001:db8::2']);
  });

  test('a home has a part of the public segment, and a network of its own', () => {
    const network: Network = {
      routers: { home: { ...HOME, hosts: { alice: {}, bob: {} } }, other: { ...HOME, hosts: { carol: {} } } },
      hosts: { dave: {} },
    };
    expect(outside(network, 'home')).toEqual(['11.0.1.1']);
    expect(outside(network, 'alice')).toEqual(['10.0.1.2']);
    expect(outside(network, 'bob')).toEqual(['10.0.1.3']);
    expect(outside(network, 'other')).toEqual(['11.0.2.1']);
    expect(outside(network, 'carol')).toEqual(['10.0.2.2']);
    expect(outside(network, 'dave')).toEqual(['11.0.3.1']);
    expect(machine(network, 'alice').outside?.addresses[0]?.gateway).toBe('10.0.1.1');
  });

  test('a NAT with several public addresses has them', () => {
    const network = { routers: { home: { nat: 'sym', wanAddresses: 3 } } } as const;
    expect(outside(network, 'home')).toEqual(['11.0.1.1', '11.0.1.2', '11.0.1.3']);
  });

  test('two homes can have the same network inside', () => {
    const lan = '192.168.1.0/24';
    const network: Network = {
      routers: { here: { ...HOME, lan, hosts: { alice: {} } }, there: { ...HOME, lan, hosts: { bob: {} } } },
    };
    expect(outside(network, 'alice')).toEqual(outside(network, 'bob'));
  });

  test('homes behind a carrier are on its network, and its own hosts beside them', () => {
    const network: Network = {
      routers: {
        carrier: {
          ...HOME,
          routers: { home: { ...HOME, hosts: { alice: {} } }, other: HOME },
          hosts: { phone: {} },
        },
      },
    };
    expect(machine(network, 'carrier').inside?.addresses[0]?.address).toBe('100.64.1.1');
    expect(outside(network, 'home')).toEqual(['100.64.1.2']);
    expect(outside(network, 'other')).toEqual(['100.64.1.11']);
    expect(outside(network, 'phone')).toEqual(['100.64.1.20']);
    expect(outside(network, 'alice')).toEqual(['10.0.2.2']);
    const { cables } = layOut(network);
    expect(cables.find((cable) => cable.machine === 'home')).toMatchObject({
      into: 'carrier',
      interface: 'wan',
    });
  });

  test('IPv6 goes through a home to its hosts, and the way back is known to every router before it', () => {
    const network: Network = {
      routers: {
        carrier: {
          ...HOME,
          ipv6: 'open',
          routers: { home: { ...HOME, ipv6: 'firewalled', hosts: { alice: {} } } },
        },
      },
    };
    expect(outside(network, 'alice')).toEqual(['10.0.2.2', '2001:db8:2::2']);
    expect(machine(network, 'carrier').inside?.routes).toEqual([
      { to: '2001:db8:2::/64', via: '2001:db8:1::2' },
    ]);
    expect(machine(network, 'core').inside?.routes).toEqual([
      { to: '2001:db8:1::/64', via: '2001:db8::1:1' },
      { to: '2001:db8:2::/64', via: '2001:db8::1:1' },
    ]);
  });

  test('hosts and routers have the IP versions that they are given', () => {
    const network: Network = {
      routers: { home: { ...HOME, ipv4: false, ipv6: 'open', hosts: { alice: {} } } },
      hosts: { bob: { ipv6: true }, carol: { ipv4: false, ipv6: true }, dave: {} },
    };
    expect(outside(network, 'alice')).toEqual(['2001:db8:1::2']);
    expect(outside(network, 'bob')).toEqual(['11.0.2.1', '2001:db8::2:1']);
    expect(outside(network, 'carol')).toEqual(['2001:db8::3:1']);
    expect(outside(network, 'dave')).toEqual(['11.0.4.1']);
  });
});

describe('every network', () => {
  test('gives each address once on its segment, with a gateway that is there', () => {
    fc.assert(
      fc.property(networks, (network) => {
        const { machines, cables } = layOut(network);
        const byName = new Map(machines.map((machine) => [machine.name, machine]));
        const inUse = new Map<string, string[]>();
        for (const { machine, into } of cables) {
          const { addresses = [], spare = [] } = byName.get(machine)?.outside ?? {};
          if (addresses.length === 0) return false;
          inUse.set(into, [...(inUse.get(into) ?? []), ...[...addresses, ...spare].map(textOf)]);
          const gateways = byName.get(into)?.inside?.addresses.map(textOf) ?? [];
          if (![...addresses, ...spare].every(({ gateway = '' }) => gateways.includes(gateway))) return false;
        }
        for (const { name, inside } of machines) {
          const all = [...(inUse.get(name) ?? []), ...(inside?.addresses ?? []).map(textOf)];
          if (new Set(all).size !== all.length) return false;
        }
        return true;
      }),
    );
  });

  test('lists each machine after the one that it is plugged into', () => {
    fc.assert(
      fc.property(networks, (network) => {
        const { machines, cables } = layOut(network);
        const order = machines.map(({ name }) => name);
        return cables.every(({ machine, into }) => order.indexOf(into) < order.indexOf(machine));
      }),
    );
  });
});

function textOf({ address }: Address): string {
  return address;
}

describe('a contradiction is refused in words', () => {
  const inHome = (router: Partial<Router>): Network => ({ routers: { home: { ...HOME, ...router } } });
  const refused: [why: string, network: Network, sentence: string | RegExp][] = [
    ['no name', { hosts: { 'my host': {} } }, '"my host" is no name for a machine'],
    ['a name of digits, which ip takes for a process', { hosts: { '12': {} } }, '"12" is no name'],
    ['a long name, which no interface can have', { hosts: { abcdefghijklm: {} } }, 'is no name'],
    ['the name of what is always there', { hosts: { server: {} } }, '"server" is the name of something else'],
    ['a name that Linux allows no interface', { hosts: { all: {} } }, '"all" is the name of something else'],
    [
      'a name twice',
      { ...inHome({ hosts: { alice: {} } }), hosts: { alice: {} } },
      '"alice" is the name of something else',
    ],
    ['no type', inHome({ nat: 'cone' as 'port' }), 'Router home: nat is one of fullcone, addr'],
    ['a step that is not counted', inHome({ portStep: 2 }), 'portStep belongs to nat "symseq"'],
    ['a step of none', inHome({ nat: 'symseq', portStep: 0 }), 'whole number from 1 to 1000'],
    ['addresses to choose from, unchosen', inHome({ wanAddresses: 2 }), 'wanAddresses belongs to nat "sym"'],
    ['too many addresses', inHome({ nat: 'sym', wanAddresses: 9 }), 'whole number from 1 to 8'],
    ['no memory at all', inHome({ mappingSeconds: 0 }), 'whole number from 1 to 86400'],
    ['no LAN', inHome({ lan: '300.0.0.0/24' }), 'Router home: lan is a network such as 10.0.0.0/24'],
    ['a LAN that is not whole', inHome({ lan: '10.0.0.1.0/24' as '10.0.0.0/24' }), 'lan is a network'],
    ['a LAN that hides the public segment', inHome({ lan: '11.0.0.0/24' }), 'lan is a network such as'],
    [
      'a LAN that is also outside',
      inHome({ lan: '10.1.1.0/24', routers: { inner: { ...HOME, lan: '10.1.1.0/24' } } }),
      'Router inner has the same network inside and outside: 10.1.1.0/24.',
    ],
    ['a router without any IP', inHome({ ipv4: false }), 'Router home has neither IPv4 nor IPv6.'],
    ['a host without any IP', { hosts: { alice: { ipv4: false } } }, 'Host alice has neither'],
    [
      'a host whose IP its router has not',
      inHome({ hosts: { alice: { ipv4: false } } }),
      'Host alice has neither IPv4 nor IPv6.',
    ],
    [
      'IPv6 behind a carrier that has none',
      inHome({ routers: { inner: { ...HOME, ipv6: 'open' } } }),
      'Router inner has an IP version that the router before it has not.',
    ],
    ['a LAN that is full', inHome({ hosts: many(254, 'h', {}) }), 'has more behind it than 10.0.1.0/24 has'],
    ['a carrier that is full', inHome({ routers: many(29, 'r', HOME) }), 'more behind it than 100.64.1.0/24'],
    ['a segment that is full', { hosts: many(251, 'h', {}) }, '250 routers and public hosts at most'],
  ];

  test.each(refused)('%s', (_why, network, sentence) => {
    expect(() => layOut(network)).toThrow(RangeError);
    expect(() => layOut(network)).toThrow(sentence);
  });

  test('what just fits is laid out', () => {
    expect(layOut({ hosts: many(250, 'h', {}) }).machines).toHaveLength(252);
    expect(layOut({ routers: { home: { ...HOME, hosts: many(253, 'h', {}) } } }).machines).toHaveLength(256);
    expect(layOut({ routers: { home: { ...HOME, routers: many(28, 'r', HOME) } } }).machines).toHaveLength(
      31,
    );
  });
});
