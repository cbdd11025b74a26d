import fc from 'fast-check';
import { NAT_TYPES, type Network, type Router, type RouterBehaviour } from '../network.ts';

/** Every way a router can behave. */
export const behaviours: fc.Arbitrary<RouterBehaviour> = fc.constantFrom(...NAT_TYPES).chain((nat) =>
  fc.record(
    {
      nat: fc.constant(nat),
      hairpin: fc.boolean(),
      unclaimed: fc.constantFrom('drop', 'reject', 'accept'),
      outbound: fc.constantFrom('udp-dropped', 'udp-rejected', 'only-tcp-443'),
      mappingSeconds: fc.integer({ min: 1, max: 86_400 }),
      ...(nat === 'symseq' ? { portStep: fc.integer({ min: 1, max: 1000 }) } : {}),
      ...(nat === 'sym' ? { wanAddresses: fc.integer({ min: 1, max: 8 }) } : {}),
    },
    { requiredKeys: ['nat'] },
  ),
);

/** Networks without contradictions, of up to three storeys. */
export const networks: fc.Arbitrary<Network> = fc
  .record({
    routers: fc.array(routers(2), { maxLength: 3 }),
    hosts: fc.array(fc.record({ ipv6: fc.boolean() }), { maxLength: 3 }),
  })
  .map(({ routers, hosts }) => {
    let count = 0;
    const named = <Value>(values: readonly Value[], prefix: string): Record<string, Value> =>
      Object.fromEntries(values.map((value) => [`${prefix}${count++}`, value]));
    const build = (drawn: DrawnRouter): Router => ({
      ...drawn.behaviour,
      ...(drawn.ipv6 && { ipv6: drawn.ipv6 }),
      isolatesHosts: drawn.isolatesHosts,
      hosts: named(Array<object>(drawn.hosts).fill({}), 'host'),
      routers: named(
        drawn.routers.map((inner) => build(drawn.ipv6 ? inner : withoutIpv6(inner))),
        'inner',
      ),
    });
    return { routers: named(routers.map(build), 'router'), hosts: named(hosts, 'public') };
  });

interface DrawnRouter {
  readonly behaviour: RouterBehaviour;
  readonly ipv6: Router['ipv6'];
  readonly isolatesHosts: boolean;
  readonly hosts: number;
  readonly routers: readonly DrawnRouter[];
}

/** A router before which there is no IPv6 has none either. */
function withoutIpv6(drawn: DrawnRouter): DrawnRouter {
  return { ...drawn, ipv6: undefined, routers: drawn.routers.map(withoutIpv6) };
}

function routers(storeys: number): fc.Arbitrary<DrawnRouter> {
  return fc.record({
    behaviour: behaviours,
    ipv6: fc.constantFrom(undefined, 'firewalled', 'open', 'broken'),
    isolatesHosts: fc.boolean(),
    hosts: fc.integer({ min: 0, max: 3 }),
    routers: storeys === 0 ? fc.constant([]) : fc.array(routers(storeys - 1), { maxLength: 2 }),
  });
}
