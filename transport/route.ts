import type { Route } from './lane.ts';
import type { PeerConnection } from './platform.ts';

/** `candidate:<foundation> <component> <transport> <priority> <address> <port> typ <type>` @see RFC 8839 section 5.1 */
const CANDIDATE = /^(?:a=)?candidate:\S+ \d+ \S+ \d+ (\S+) \d+ typ (\S+)/gm;

/** The addresses that the other side named as its own in host candidates, `.local` names included. */
export class NamedAddresses {
  readonly #addresses = new Set<string>();

  addDescription(sdp: string): void {
    this.addCandidate(sdp);
  }

  addCandidate(candidate: string): void {
    for (const [, address = '', type] of candidate.matchAll(CANDIDATE)) {
      if (type === 'host') this.#addresses.add(address.toLowerCase());
    }
  }

  has(address: string): boolean {
    return this.#addresses.has(address.toLowerCase());
  }
}

interface CandidateStats {
  readonly candidateType?: string;
  readonly address?: string | null;
  /** node-datachannel's name for it. */
  readonly ip?: string;
}

/**
 * Which way a connection goes, from its statistics.
 * `lan` only if the selected remote address is private and one that the other side named as its own: a private address
 * that merely answered may be a carrier's or a VPN's. Null while no pair is selected.
 */
export async function viewRoute(connection: PeerConnection, named: NamedAddresses): Promise<Route | null> {
  const report = (await connection.getStats()) as unknown as Map<string, Record<string, unknown>>;
  const pair = selectedPair(report);
  if (!pair) return null;
  const local = report.get(String(pair['localCandidateId'])) as CandidateStats | undefined;
  const remote = report.get(String(pair['remoteCandidateId'])) as CandidateStats | undefined;
  return routeOf(local, remote, named);
}

function selectedPair(report: Map<string, Record<string, unknown>>): Record<string, unknown> | undefined {
  const stats = [...report.values()];
  const transport = stats.find(({ type }) => type === 'transport');
  const selected = transport?.['selectedCandidatePairId'];
  if (typeof selected === 'string') return report.get(selected);
  // Firefox names no transport: the nominated pair that succeeded is the one.
  return stats.find(
    (stat) =>
      stat['type'] === 'candidate-pair' && stat['nominated'] === true && stat['state'] === 'succeeded',
  );
}

function routeOf(
  local: CandidateStats | undefined,
  remote: CandidateStats | undefined,
  named: NamedAddresses,
): Route {
  if (local?.candidateType === 'relay' || remote?.candidateType === 'relay') return 'relayed';
  const address = remote?.address ?? remote?.ip ?? '';
  // A browser hides the address behind a .local name that the other side gave: only that one can be of type host.
  if (address === '' || address.endsWith('.local'))
    return remote?.candidateType === 'host' ? 'lan' : 'direct';
  return isPrivate(address) && named.has(address) ? 'lan' : 'direct';
}

/** Addresses that mean nothing outside their own network. @see RFC 1918, 3927, 4193, 4291, 6598, 6890 */
export function isPrivate(address: string): boolean {
  const text = address.toLowerCase();
  if (text.includes(':'))
    return text === '::1' || /^f[cd][0-9a-f]{2}:/.test(text) || /^fe[89ab][0-9a-f]:/.test(text);
  const [a = -1, b = -1] = text.split('.').map(Number);
  return (
    a === 10 ||
    a === 127 ||
    (a === 172 && b >= 16 && b <= 31) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    (a === 100 && b >= 64 && b <= 127)
  );
}

/** One word for both sides: what either of them could prove counts. */
export function agreeOnRoute(views: readonly (Route | null)[]): Route | null {
  for (const route of ['relayed', 'lan', 'direct'] as const) if (views.includes(route)) return route;
  return null;
}
