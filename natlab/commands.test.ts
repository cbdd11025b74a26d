import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildScript, enforceScript, inNamespace, renumberScript } from './commands.ts';
import { layOut, type Machine } from './layout.ts';
import type { Network } from './network.ts';
import { networks } from './testing/networks.ts';

/** The part of a script that runs in one machine. */
function partOf(script: string, name: string): string {
  const [, part = ''] = script.split(`ip netns exec ${name} sh -e -s <<'END-${name}'\n`);
  return part.split(`\nEND-${name}\n`)[0] ?? '';
}

function build(network: Network): string {
  return buildScript(layOut(network));
}

function machine(network: Network, name: string): Machine {
  const found = layOut(network).machines.find((machine) => machine.name === name);
  if (found === undefined) throw new Error(`${name} is not laid out`);
  return found;
}

describe('building', () => {
  test('a shell can read the script of every network', () => {
    fc.assert(
      fc.property(networks, (network) => {
        const { status, stderr } = spawnSync('sh', ['-n'], { input: build(network), encoding: 'utf8' });
        expect([status, stderr]).toEqual([0, '']);
      }),
      { numRuns: 30 },
    );
  });

  test('each machine has a namespace and a cable', () => {
    const script = build({ routers: { home: { nat: 'port', hosts: { alice: {} } } } });
    for (const name of ['core', 'server', 'home', 'alice']) expect(script).toContain(`netns add ${name}\n`);
    expect(script).toContain('link add dev wan netns home type veth peer name home netns core\n');
    expect(script).toContain('link add dev eth0 netns alice type veth peer name alice netns home\n');
  });

  test('a cable with a link has a namespace in its middle', () => {
    const script = build({ hosts: { bob: { link: { delayMs: 5 } } } });
    expect(script).toContain('netns add cable-bob\n');
    expect(script).toContain('link add dev eth0 netns bob type veth peer name inner netns cable-bob\n');
    expect(script).toContain('link add dev bob netns core type veth peer name outer netns cable-bob\n');
    expect(script).toContain('ip netns exec bob ethtool -K eth0 tx off');
  });

  test('a host has no IPv6 where it has no address of it, and forwards nothing', () => {
    const script = build({ hosts: { bob: {}, carol: { ipv6: true } } });
    expect(partOf(script, 'bob')).toContain('conf/eth0/disable_ipv6');
    expect(partOf(script, 'carol')).not.toContain('disable_ipv6');
    expect(partOf(script, 'bob')).not.toContain('ip_forward');
  });

  test('hosts are kept apart only where they are to be', () => {
    const network = (isolatesHosts: boolean): Network => ({
      routers: { cafe: { nat: 'port', isolatesHosts, hosts: { alice: {} } } },
    });
    expect(partOf(build(network(true)), 'cafe')).toContain('bridge_slave isolated on');
    expect(partOf(build(network(false)), 'cafe')).not.toContain('isolated');
  });
});

describe('changing', () => {
  test('a new address comes before the old one goes, and the route with it', () => {
    const router = machine({ routers: { home: { nat: 'port' } } }, 'home');
    const [from] = router.outside?.addresses ?? [];
    const [to] = router.outside?.spare ?? [];
    if (from === undefined || to === undefined) throw new Error('no addresses');
    expect(renumberScript(router, from, to)).toContain(
      [
        'addr add 11.0.1.2/16 dev wan',
        'addr del 11.0.1.1/16 dev wan',
        'route replace default via 11.0.255.254 src 11.0.1.2',
      ].join('\n'),
    );
  });

  test('only routers enforce something, for as long as they say', () => {
    const network: Network = { routers: { home: { nat: 'port', mappingSeconds: 9, hosts: { alice: {} } } } };
    expect(enforceScript(machine(network, 'alice'))).toBe('');
    expect(enforceScript(machine(network, 'home'))).toMatch(
      /echo 9 > \S+udp_timeout\necho 9 > \S+udp_timeout_stream$/,
    );
  });

  test('what runs in a machine may have documents of its own in it', () => {
    const script = inNamespace('x', "cat <<'END'\ninner\nEND").replace('ip netns exec x ', '');
    expect(spawnSync('sh', { input: script, encoding: 'utf8' }).stdout).toBe('inner\n');
  });
});
