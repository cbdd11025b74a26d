import { socketAddressText } from '../codec/ip-address.ts';
import type { Filtering, Lifetime, Mapping, NatBehaviour, UdpBehaviour } from './behaviour.ts';

const MAPPING: Readonly<Record<Mapping, string>> = {
  none: 'No NAT is on the way: outside, this computer has its own address (no mapping).',
  'endpoint-independent':
    'A local port has the same address outside for everyone it talks to (endpoint-independent mapping).',
  'address-dependent':
    'A local port has another address outside for every computer it talks to (address-dependent mapping).',
  'address-and-port-dependent':
    'A local port has another address outside for every computer and port it talks to (address- and port-dependent mapping, also called symmetric).',
};

const FILTERING: Readonly<Record<Filtering, string>> = {
  'endpoint-independent': 'Anyone can reach a port that has sent something (endpoint-independent filtering).',
  'address-dependent':
    'Only computers that a port has sent to can reach it, from any of their ports (address-dependent filtering).',
  'address-and-port-dependent':
    'Only the very computers and ports that a port has sent to can reach it (address- and port-dependent filtering).',
};

/** What was found out, one sentence for each behaviour, the terms of RFC 4787 and RFC 5780 in brackets. */
export function sentences(behaviour: NatBehaviour): string[] {
  return behaviour.reachable
    ? [...udpSentences(behaviour), tcpSentence(behaviour)]
    : [
        'No answer came over UDP: it is blocked on the way, or no STUN server is there.',
        tcpSentence(behaviour),
      ];
}

/** Why mapping and filtering could not both be told, and what to do; null where they could. */
export function shortcoming(behaviour: NatBehaviour): { code: string; message: string } | null {
  if (!behaviour.reachable) {
    const message = 'The server was not reached over UDP: check its address, or try from another network.';
    return { code: 'unreachable', message };
  }
  if (behaviour.other === null) {
    const message =
      'The server has no other address, without which the rest stays unknown: start it with --host ADDRESS --alternate ADDRESS, or name one that has.';
    return { code: 'no-other-address', message };
  }
  if (behaviour.mapping === null || behaviour.filtering === null) {
    const message = `The server's other address, ${socketAddressText(behaviour.other)}, does not answer as it should: check that both its ports are open on both its addresses.`;
    return { code: 'other-address-silent', message };
  }
  return null;
}

function udpSentences(behaviour: UdpBehaviour): string[] {
  const { local, seen, mapping, filtering, hairpin, variesAddress, lifetime } = behaviour;
  const outside = [...new Set(seen.map(({ mapped }) => mapped.address))];
  const isMapped = mapping !== 'none';
  return [
    `Inside, this computer is ${local.address}; outside, it is ${outside.join(' or ')}.`,
    ...(mapping === null ? [] : [MAPPING[mapping]]),
    ...(filtering === null ? [] : [FILTERING[filtering]]),
    ...(isMapped ? [portSentence(behaviour)] : []),
    ...(variesAddress
      ? ['New ports do not always get the same address outside (arbitrary IP pooling).']
      : []),
    ...(isMapped && hairpin !== null ? [hairpinSentence(hairpin)] : []),
    ...(lifetime === undefined ? [] : [lifetimeSentence(lifetime)]),
  ];
}

function portSentence({ preservesPort, portStep }: UdpBehaviour): string {
  if (preservesPort) return 'Ports keep their numbers outside (port preservation).';
  if (portStep === null)
    return 'Ports get new numbers outside, in no order that shows (no port preservation).';
  const step = `${Math.abs(portStep)} ${portStep > 0 ? 'higher' : 'lower'}`;
  return `Each new port gets a number ${step} than the last, so the next can be guessed (sequential ports).`;
}

function hairpinSentence(hairpin: boolean): string {
  return hairpin
    ? 'Computers behind the same NAT reach one another by their addresses outside (hairpinning).'
    : 'Computers behind the same NAT do not reach one another by their addresses outside (no hairpinning).';
}

function lifetimeSentence(lifetime: Lifetime | null): string {
  if (lifetime === null)
    return 'How long an idle port is remembered, this server cannot tell (no RESPONSE-PORT).';
  const { aliveSeconds, goneSeconds } = lifetime;
  const bound = goneSeconds === null ? '' : ` and less than ${goneSeconds}`;
  return `An idle port is remembered for more than ${aliveSeconds}${bound} seconds (mapping lifetime).`;
}

function tcpSentence({ tcp }: NatBehaviour): string {
  if (tcp === null) return 'Over TCP the server was not reached.';
  if (tcp.mapping === null) return 'Over TCP the server was reached; how TCP is mapped stays unknown.';
  return `Over TCP: ${MAPPING[tcp.mapping]}`;
}
