import type { Emulation } from './emulation.ts';
import type { Address, Cable, Layout, Machine } from './layout.ts';
import { ruleset } from './ruleset.ts';

/**
 * The shell script that builds a layout in an empty set of namespaces: cables, addresses, routes, rules.
 * One `ip` for all namespaces and cables, then one shell for each machine, as starting programs is what costs.
 *
 * @param emulation by what cables with a link are emulated
 */
export function buildScript({ machines, cables }: Layout, emulation: Emulation = 'linkem'): string {
  const middles = emulation === 'linkem' ? cables.filter(({ link }) => link !== undefined).map(middleOf) : [];
  const create = [
    ...[...machines.map(({ name }) => name), ...middles].map((name) => `netns add ${name}`),
    ...cables.flatMap((cable) => cableCommands(cable, middles)),
  ];
  return [
    'set -e',
    heredoc('ip -batch -', create),
    ...machines.map((machine) => inNamespace(machine.name, machineScript(machine, cables))),
    ...middles.map((middle) =>
      inNamespace(
        middle,
        // A kernel that spoke on the link by itself would be one more that frames are lost to.
        `echo 1 > /proc/sys/net/ipv6/conf/inner/disable_ipv6\necho 1 > /proc/sys/net/ipv6/conf/outer/disable_ipv6\n${heredoc('ip -batch -', ['link set dev inner up', 'link set dev outer up'])}`,
      ),
    ),
    // Frames that a network card would cut up must have been cut before they reach an emulated link.
    ...cables
      .filter(({ link }) => link !== undefined)
      .flatMap((cable) => [
        `ip netns exec ${cable.machine} ethtool -K ${cable.interface} tx off tso off gso off gro off >/dev/null`,
        `ip netns exec ${cable.into} ethtool -K ${cable.machine} tx off tso off gso off gro off >/dev/null`,
      ]),
    '',
  ].join('\n');
}

/** The namespace in the middle of a cable that linkem emulates, with the interfaces `inner` and `outer`. */
export function middleOf({ machine }: Pick<Cable, 'machine'>): string {
  return `cable-${machine}`;
}

/** Gives a machine one address in another's place, and its default route again, which went with the old one. */
export function renumberScript(machine: Machine, from: Address, to: Address): string {
  const name = machine.outside?.interface;
  return inNamespace(
    machine.name,
    [
      // Else its other addresses would go with the first.
      `echo 1 > /proc/sys/net/ipv4/conf/${name}/promote_secondaries`,
      heredoc('ip -batch -', [
        `addr add ${cidr(to)} dev ${name}`,
        `addr del ${cidr(from)} dev ${name}`,
        ...defaultRoutes([to], 'replace'),
      ]),
    ].join('\n'),
  );
}

/**
 * Puts a router's rules and the life of its mappings in force. What was learnt goes with the rules. The rules are
 * first, as it is they that make Linux track connections.
 */
export function enforceScript(machine: Machine): string {
  const { router } = machine;
  if (router === undefined) return '';
  // A mapping that was used both ways lives no longer than one that was not, where the router says how long.
  const [unanswered, answered] = [router.mappingSeconds ?? 30, router.mappingSeconds ?? 120];
  return [
    heredoc('nft -f -', [rulesOf(machine)]),
    `echo ${unanswered} > /proc/sys/net/netfilter/nf_conntrack_udp_timeout`,
    `echo ${answered} > /proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream`,
  ].join('\n');
}

/** Runs a script in one machine's namespace. */
export function inNamespace(name: string, script: string): string {
  return heredoc(`ip netns exec ${name} sh -e -s`, [script], `END-${name}`);
}

function cableCommands(cable: Cable, middles: readonly string[]): string[] {
  const { machine, interface: plug, into } = cable;
  const middle = middleOf(cable);
  if (!middles.includes(middle)) {
    return [`link add dev ${plug} netns ${machine} type veth peer name ${machine} netns ${into}`];
  }
  return [
    `link add dev ${plug} netns ${machine} type veth peer name inner netns ${middle}`,
    `link add dev ${machine} netns ${into} type veth peer name outer netns ${middle}`,
  ];
}

function machineScript(machine: Machine, cables: readonly Cable[]): string {
  const { outside, inside } = machine;
  const plugged = cables.filter(({ into }) => into === machine.name);
  const ip = ['link set dev lo up'];
  if (inside !== undefined) {
    ip.push('link add dev lan type bridge forward_delay 0 mcast_snooping 0', 'link set dev lan up');
    ip.push(...inside.addresses.map((address) => addressCommand(address, 'lan')));
    ip.push(...plugged.map((cable) => `link set dev ${cable.machine} master lan up`));
    ip.push(
      ...plugged
        .filter(({ isolated }) => isolated)
        .map((cable) => `link set dev ${cable.machine} type bridge_slave isolated on`),
    );
  }
  if (outside !== undefined) {
    ip.push(`link set dev ${outside.interface} up`);
    ip.push(...outside.addresses.map((address) => addressCommand(address, outside.interface)));
    ip.push(...defaultRoutes(outside.addresses, 'add'));
  }
  ip.push(...(inside?.routes ?? []).map(({ to, via }) => `route add ${to} via ${via}`));
  return [
    ...(inside === undefined ? [] : [FORWARDING]),
    ...ipv6Settings(machine),
    heredoc('ip -batch -', ip),
    enforceScript(machine),
  ].join('\n');
}

/** As a router: forwards, tells nobody of shorter ways, and lets its bridge's frames past its own rules. */
const FORWARDING = [
  'echo 1 > /proc/sys/net/ipv4/ip_forward',
  'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding',
  'echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects',
  'echo 0 > /proc/sys/net/ipv4/conf/default/send_redirects',
  '[ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables',
].join('\n');

/**
 * A machine that has no IPv6 has no link-local address either; its loopback keeps ::1. One that has it may use
 * its link-local addresses at once, without which a router finds none of its neighbours.
 */
function ipv6Settings({ outside, inside }: Machine): string[] {
  const addresses = [...(outside?.addresses ?? []), ...(inside?.addresses ?? [])];
  const hasIpv6 = addresses.some(({ family }) => family === 6);
  const setting = hasIpv6 ? 'accept_dad' : 'disable_ipv6';
  return ['default', ...(outside === undefined ? [] : [outside.interface])].map(
    (name) => `echo ${hasIpv6 ? 0 : 1} > /proc/sys/net/ipv6/conf/${name}/${setting}`,
  );
}

function rulesOf({ router, outside }: Machine): string {
  if (router === undefined || outside === undefined) return '';
  const wan = outside.addresses.filter(({ family }) => family === 4).map(({ address }) => address);
  return ruleset(router, wan);
}

function defaultRoutes(addresses: readonly Address[], verb: 'add' | 'replace'): string[] {
  return [4, 6].flatMap((family) => {
    const own = addresses.find((address) => address.family === family);
    if (own?.gateway === undefined) return [];
    // Of several addresses it is the first one that it speaks from.
    return [`route ${verb} default via ${own.gateway} src ${own.address}`];
  });
}

/** `nodad`: an address is usable at once. */
function addressCommand(address: Address, device: string): string {
  return `addr add ${cidr(address)} dev ${device}${address.family === 6 ? ' nodad' : ''}`;
}

function cidr({ address, prefixLength }: Address): string {
  return `${address}/${prefixLength}`;
}

function heredoc(command: string, lines: readonly string[], mark = 'END'): string {
  return `${command} <<'${mark}'\n${lines.join('\n')}\n${mark}`;
}
