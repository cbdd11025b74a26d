import type { NatType, Router, RouterBehaviour } from './network.ts';

/** A router's rules depend on what it is and on the addresses that it has outside, the first of them its own. */
export type RouterRules = RouterBehaviour & Pick<Router, 'ipv4' | 'ipv6'>;

/** Ports that counting NATs give out; a mapping table of this many is read by nft in some 10 ms. */
const COUNTED_PORTS = { first: 40_000, last: 63_999, most: 2000 };
/** Two flows to one place that share a hash do not both get through, so the more the better; without root, no more fit. */
const HASHED_PORTS = { first: 40_000, count: 4096 };

/** After how long a learnt mapping is forgotten where the router does not say. */
const LEARNT_SECONDS = 60;

/**
 * The rules of one router for `nft -f`, in the tables `inet filter` and `ip nat`, which they replace. The
 * interfaces are `wan` and `lan`.
 */
export function ruleset(router: RouterRules, wanAddresses: readonly string[]): string {
  const tables = [filterTable(router, wanAddresses)];
  if (router.ipv4 ?? true) tables.push(natTable(router, wanAddresses));
  return tables.join('');
}

function filterTable(router: RouterRules, wanAddresses: readonly string[]): string {
  return table('inet filter', [
    chain('input', 'filter hook input priority filter', [
      'ct state established,related accept',
      'icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept',
      ...(wanAddresses.length > 0 ? [`iifname "lan" ip daddr { ${wanAddresses.join(', ')} } drop`] : []),
      ...unclaimed(router.unclaimed ?? 'drop'),
    ]),
    chain('forward', 'filter hook forward priority filter', [
      ...outbound(router.outbound),
      ...(router.ipv6 === 'broken' ? ['meta nfproto ipv6 drop'] : []),
      'ct state established,related accept',
      ...(router.hairpin ? [] : ['iifname "lan" oifname "lan" drop']),
      'iifname "lan" accept',
      'ct status dnat accept',
      ...(router.ipv6 === 'open' ? ['meta nfproto ipv6 accept'] : []),
      'drop',
    ]),
  ]);
}

function unclaimed(what: NonNullable<RouterBehaviour['unclaimed']>): string[] {
  switch (what) {
    case 'accept':
      return [];
    case 'drop':
      return ['iifname "wan" drop'];
    case 'reject':
      return ['iifname "wan" meta l4proto tcp reject with tcp reset', 'iifname "wan" reject'];
  }
}

function outbound(what: RouterBehaviour['outbound']): string[] {
  switch (what) {
    case undefined:
      return [];
    case 'udp-dropped':
      return ['meta l4proto udp drop'];
    case 'udp-rejected':
      return ['meta l4proto udp reject'];
    case 'only-tcp-443':
      return ['iifname "lan" tcp dport != 443 drop', 'iifname "lan" meta l4proto != tcp drop'];
  }
}

/**
 * Linux maps by itself as `port` does: endpoint-independent while a port is free, address- and
 * port-dependent in what it lets in. Looser filtering needs the mappings it has made, learnt in `eim`, and
 * the addresses that were written to, in `perm`.
 */
function natTable(router: RouterRules, wanAddresses: readonly string[]): string {
  const [wan = ''] = wanAddresses;
  const admits = { fullcone: '', addr: 'meta l4proto . th dport . ip saddr @perm ' }[router.nat as string];
  const learns = admits !== undefined || router.hairpin;
  const seconds = router.mappingSeconds ?? LEARNT_SECONDS;
  const toInside = 'dnat ip to meta l4proto . th dport map @eim';
  const from = (direction: 'original' | 'reply'): string =>
    `update @eim { meta l4proto . th sport : ct ${direction} ip saddr . ct ${direction} proto-src }`;

  return table('ip nat', [
    ...(learns
      ? [
          `map eim { type inet_proto . inet_service : ipv4_addr . inet_service; flags dynamic,timeout; timeout ${seconds}s; size 65535; }`,
          `set perm { type inet_proto . inet_service . ipv4_addr; flags dynamic,timeout; timeout ${seconds}s; size 65535; }`,
        ]
      : []),
    chain('pre', 'nat hook prerouting priority dstnat', [
      ...(admits === undefined ? [] : [`iifname "wan" meta l4proto { tcp, udp } ${admits}${toInside}`]),
      ...(router.hairpin ? [`iifname "lan" ip daddr ${wan} meta l4proto { tcp, udp } ${toInside}`] : []),
    ]),
    chain('post', 'nat hook postrouting priority srcnat', [
      ...(router.hairpin ? [`oifname "lan" ct status dnat snat to ${wan}`] : []),
      ...mappings(router, wanAddresses),
    ]),
    ...(learns
      ? [
          chain('learn', 'filter hook postrouting priority srcnat + 10', [
            `oifname "wan" meta l4proto { tcp, udp } ct direction original ${from('original')}`,
            `oifname "wan" meta l4proto { tcp, udp } ct direction reply ${from('reply')}`,
            'oifname "wan" meta l4proto { tcp, udp } update @perm { meta l4proto . th sport . ip daddr }',
            ...(router.hairpin
              ? [
                  `oifname "lan" ct status dnat meta l4proto { tcp, udp } ct direction original ${from('original')}`,
                ]
              : []),
          ]),
        ]
      : []),
  ]);
}

function mappings(router: RouterRules, wanAddresses: readonly string[]): string[] {
  const [wan] = wanAddresses;
  const byType: Record<NatType, () => string[]> = {
    fullcone: () => [],
    addr: () => [],
    port: () => [],
    symaddr: () => [
      `oifname "wan" meta l4proto { tcp, udp } snat to ${wan} : jhash ip saddr . th sport . ip daddr mod ${HASHED_PORTS.count} map ${ports(HASHED_PORTS.count, HASHED_PORTS.first, 1)}`,
    ],
    symseq: () => {
      const step = router.portStep ?? 1;
      const room = Math.floor((COUNTED_PORTS.last - COUNTED_PORTS.first) / step) + 1;
      const count = Math.min(COUNTED_PORTS.most, room);
      return [
        `oifname "wan" meta l4proto { tcp, udp } snat to ${wan} : numgen inc mod ${count} map ${ports(count, COUNTED_PORTS.first, step)}`,
      ];
    },
    sym: () => [
      wanAddresses.length > 1
        ? `oifname "wan" snat to numgen random mod ${wanAddresses.length} map { ${wanAddresses.map((address, index) => `${index} : ${address}`).join(', ')} } fully-random`
        : 'oifname "wan" masquerade fully-random',
    ],
  };
  return [...byType[router.nat](), 'oifname "wan" masquerade'];
}

function ports(count: number, first: number, step: number): string {
  return `{ ${Array.from({ length: count }, (_, index) => `${index} : ${first + index * step}`).join(', ')} }`;
}

/** Declares the table so that it can be deleted, then makes it anew: all in the one transaction of `nft -f`. */
function table(name: string, parts: readonly string[]): string {
  return `table ${name}\ndelete table ${name}\ntable ${name} {\n${parts.map((part) => `  ${part}\n`).join('')}}\n`;
}

function chain(name: string, hook: string, rules: readonly string[]): string {
  return `chain ${name} { type ${hook}; policy accept;\n${rules.map((rule) => `    ${rule}\n`).join('')}  }`;
}
