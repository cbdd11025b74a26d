import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { TcpAddress } from '#protocol/handshake/tcp-addresses.ts';
import { dialTargets, type OwnAddresses } from './dial-targets.ts';

const OWN: OwnAddresses = {
  own: ['127.0.0.1', '192.168.1.5', '::1', '2001:db8::5'],
  broadcast: ['192.168.1.255'],
  port: 40_000,
};

function targetsOf(...hosts: string[]): string[] {
  return dialTargets(hosts.map(at), OWN, false).map(({ host }) => host);
}

function at(host: string): TcpAddress {
  return { host, port: 443, kind: 'host' };
}

test.each([
  ['loopback', ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1']],
  ['link-local', ['169.254.169.254', 'fe80::1', 'febf::1']],
  ['multicast', ['224.0.0.1', '239.255.255.250', 'ff02::1']],
  ['unspecified', ['0.0.0.0', '0.1.2.3', '::', '0::0']],
  ['broadcast', ['255.255.255.255', '192.168.1.255', '240.0.0.1']],
  ['IPv4 within IPv6', ['::ffff:127.0.0.1', '::ffff:7f00:1', '::FFFF:192.168.1.7', '64:ff9b::7f00:1']],
  ['this machine’s own', ['192.168.1.5', '2001:db8::5', '2001:DB8:0:0::5']],
])('no address that is %s is dialled', (_, hosts) => {
  for (const host of hosts) expect(targetsOf(host), host).toEqual([]);
});

test.each(['192.168.1.7', '10.0.0.1', '11.0.0.1', '100.64.0.1', '2001:db8::6', 'fd00::1'])(
  'another machine, at %s, is',
  (host) => {
    expect(targetsOf(host)).toEqual([host]);
  },
);

describe('one address', () => {
  it('is dialled once, however it is written', () => {
    expect(targetsOf('2001:db8::6', '2001:DB8:0::6', '2001:db8:0:0:0:0:0:6')).toEqual(['2001:db8::6']);
  });

  it('is the machine’s own where it is named as that, too', () => {
    const both = (['host', 'reflexive'] as const).map((kind) => ({ ...at('11.0.0.1'), kind }));
    for (const named of [both, both.toReversed()])
      expect(dialTargets(named, OWN, false)).toEqual([{ ...at('11.0.0.1'), kind: 'host' }]);
  });

  it('has several ports', () => {
    const ports = [1, 2].map((port) => ({ ...at('11.0.0.1'), port }));
    expect(dialTargets(ports, OWN, false)).toEqual(ports);
  });
});

test('with both peers on one machine it is dialled, but for the own port', () => {
  const named = ['127.0.0.1', '192.168.1.5', '::1'].map(at);
  expect(dialTargets(named, OWN, true)).toEqual(named);
  expect(dialTargets(named, { ...OWN, port: 443 }, true)).toEqual([]);
});

test('whatever is named, nothing else is dialled', () => {
  const addresses = fc.array(
    fc.record({
      host: fc.oneof(fc.ipV4(), fc.ipV6()),
      port: fc.integer({ min: 1, max: 65_535 }),
      kind: fc.constantFrom('host' as const, 'reflexive' as const),
    }),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(addresses, (named) => {
      const targets = dialTargets(named, OWN, false);
      expect(targets.length).toBeLessThanOrEqual(named.length);
      for (const { port } of targets) expect(named.map((address) => address.port)).toContain(port);
      expect(dialTargets(targets, OWN, false)).toEqual(targets);
    }),
  );
});
