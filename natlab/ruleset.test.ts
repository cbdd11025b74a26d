import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Keeper, openKeeper } from './keeper.ts';
import { NAT_TYPES, type NatType } from './network.ts';
import { type RouterRules, ruleset } from './ruleset.ts';
import { describeWithEach } from './testing/namespaces.ts';
import { behaviours } from './testing/networks.ts';

const WAN = ['11.0.1.1'];
const ADDRESSES = Array.from({ length: 8 }, (_, index) => `11.0.1.${index + 1}`);

/** The lines of one chain. */
function chainOf(rules: string, name: string): string[] {
  const lines = rules.split('\n').map((line) => line.trim());
  const start = lines.findIndex((line) => line.startsWith(`chain ${name} {`));
  return lines.slice(start + 1, lines.indexOf('}', start));
}

describe('the text', () => {
  test.each<[NatType, string]>([
    ['fullcone', 'iifname "wan" meta l4proto { tcp, udp } dnat ip to meta l4proto . th dport map @eim'],
    [
      'addr',
      'iifname "wan" meta l4proto { tcp, udp } meta l4proto . th dport . ip saddr @perm dnat ip to meta l4proto . th dport map @eim',
    ],
  ])('%s lets in by what it has learnt', (nat, rule) => {
    expect(chainOf(ruleset({ nat }, WAN), 'pre')).toEqual([rule]);
  });

  test.each<NatType>(['port', 'symaddr', 'symseq', 'sym'])('%s lets in by its mappings alone', (nat) => {
    const rules = ruleset({ nat }, WAN);
    expect(chainOf(rules, 'pre')).toEqual([]);
    expect(rules).not.toContain('@eim');
  });

  test('hairpins only at its own address, and only where it does at all', () => {
    expect(chainOf(ruleset({ nat: 'port', hairpin: true }, WAN), 'pre')).toEqual([
      'iifname "lan" ip daddr 11.0.1.1 meta l4proto { tcp, udp } dnat ip to meta l4proto . th dport map @eim',
    ]);
    expect(chainOf(ruleset({ nat: 'port' }, WAN), 'forward')).toContain('iifname "lan" oifname "lan" drop');
  });

  test('a counting NAT stays within its ports, whatever its step', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), (portStep) => {
        const [rule = ''] = chainOf(ruleset({ nat: 'symseq', portStep }, WAN), 'post');
        const ports = [...rule.matchAll(/\d+ : (\d+)/g)].map(([, port]) => Number(port));
        const steps = new Set(ports.slice(1).map((port, index) => port - (ports[index] ?? 0)));
        expect(rule).toContain(`mod ${ports.length} map`);
        expect([ports[0], [...steps]]).toEqual([40_000, [portStep]]);
        expect(ports.at(-1)).toBeLessThan(64_000);
      }),
    );
  });

  test('a learnt mapping is remembered as long as a router remembers', () => {
    const rules = ruleset({ nat: 'addr', mappingSeconds: 7 }, WAN);
    expect(rules.match(/timeout \d+s/g)).toEqual(['timeout 7s', 'timeout 7s']);
  });

  test('without IPv4 there is nothing to translate', () => {
    expect(ruleset({ nat: 'sym', ipv4: false, ipv6: 'open' }, [])).not.toContain('ip nat');
  });
});

describeWithEach('nft', (privilege) => {
  let keeper: Keeper;
  beforeAll(async () => {
    keeper = await openKeeper(privilege);
  });
  afterAll(() => keeper.close());

  function check(rules: string, ...options: string[]): string {
    const [command = '', ...args] = [...keeper.enter(), 'nft', ...options, '-f', '-'];
    const { stderr } = spawnSync(command, args, { input: rules, encoding: 'utf8' });
    return stderr;
  }

  test('takes the rules of every router', { timeout: 60_000 }, () => {
    const routers: fc.Arbitrary<RouterRules> = fc
      .tuple(
        behaviours,
        fc.record(
          { ipv4: fc.boolean(), ipv6: fc.constantFrom('firewalled', 'open', 'broken') },
          { requiredKeys: [] },
        ),
      )
      .map(([behaviour, families]) => ({ ...behaviour, ...families }));
    fc.assert(
      fc.property(routers, (router) => {
        const wan = (router.ipv4 ?? true) ? ADDRESSES.slice(0, router.wanAddresses ?? 1) : [];
        expect(check(ruleset(router, wan), '-c')).toBe('');
      }),
      // Those that no draw may miss; 40 draws cross them with everything else.
      { numRuns: 40, examples: NAT_TYPES.map((nat): [RouterRules] => [{ nat, hairpin: true }]) },
    );
  });

  test('refuses what is none, so that the test above can fail', () => {
    expect(check('table ip nat { chain post { type nat hook nowhere priority 0; } }', '-c')).toContain(
      'Error',
    );
  });

  test('has one set of rules after another, and none of the ones before', async () => {
    expect(check(ruleset({ nat: 'fullcone', hairpin: true }, WAN))).toBe('');
    expect(check(ruleset({ nat: 'port' }, WAN))).toBe('');
    const rules = await keeper.run('nft list ruleset');
    expect(rules.match(/table \w+ \w+/g)).toEqual(['table inet filter', 'table ip nat']);
    expect(rules).not.toContain('eim');
  });
});
