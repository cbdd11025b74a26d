/** A line of a router's table: who writes to whom, and how the answers come back. */
export interface Mapping {
  readonly protocol: string;
  readonly inside: string;
  readonly outside: string;
  readonly remote: string;
  /** For how long it is remembered if nothing more comes. */
  readonly secondsLeft: number;
  readonly isAnswered: boolean;
}

/** Reads what `conntrack -L` prints. Lines about anything but UDP and TCP are left out. */
export function readMappings(text: string): Mapping[] {
  return text.split('\n').flatMap((line) => {
    const [protocol = '', , seconds = ''] = line.split(/\s+/);
    const values = (key: string): string[] =>
      [...line.matchAll(new RegExp(`\\b${key}=(\\S+)`, 'g'))].map(([, value = '']) => value);
    const [sources, targets, sourcePorts, targetPorts] = ['src', 'dst', 'sport', 'dport'].map(values);
    const [inside, remote] = [sources?.[0], targets?.[0]];
    const outside = targets?.[1];
    if (!['udp', 'tcp'].includes(protocol) || !inside || !remote || !outside) return [];
    const at = (address: string, port = ''): string =>
      address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
    return [
      {
        protocol,
        inside: at(inside, sourcePorts?.[0]),
        outside: at(outside, targetPorts?.[1]),
        remote: at(remote, targetPorts?.[0]),
        secondsLeft: Number(seconds),
        isAnswered: !line.includes('[UNREPLIED]'),
      },
    ];
  });
}

/** One line for each mapping: first of UDP, then of TCP, each in the order of its inside. */
export function mappingSentences(mappings: readonly Mapping[]): string[] {
  const order = ({ protocol, inside, outside, remote }: Mapping): string =>
    [protocol === 'udp' ? 0 : 1, inside, outside, remote].join(' ');
  return [...mappings]
    .sort((a, b) => (order(a) < order(b) ? -1 : 1))
    .map(({ protocol, inside, outside, remote, secondsLeft, isAnswered }) => {
      const name = inside === outside ? inside : `${inside} goes out as ${outside}`;
      const answered = isAnswered ? '' : ', has not answered';
      return `${protocol.toUpperCase()}: ${name} to ${remote}${answered}; remembered for ${secondsLeft} s`;
    });
}
