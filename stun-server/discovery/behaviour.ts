import type { SocketAddress } from '../codec/ip-address.ts';

/** RFC 4787 section 4.1; `none` is a public address. */
export type Mapping = 'none' | 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent';

/** RFC 4787 section 5. */
export type Filtering = 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent';

/** What one server address saw of one local port, in the order of asking. */
export interface Sighting {
  readonly localPort: number;
  readonly server: SocketAddress;
  readonly mapped: SocketAddress;
}

/** A mapping still stood after `aliveSeconds` and no longer after `goneSeconds`; null: it outlived the bound. */
export interface Lifetime {
  readonly aliveSeconds: number;
  readonly goneSeconds: number | null;
}

/** null: no TCP connection to the server came about; `mapping` null: it has no other address. */
export type TcpBehaviour = { readonly mapping: Mapping | null } | null;

/** No answer to any UDP probe. */
export interface UdpBlocked {
  readonly reachable: false;
  readonly filtering: 'blocked';
  readonly tcp: TcpBehaviour;
}

/** How the NATs on the way behave, as observed now: they may change under load (RFC 5780 section 4). */
export interface UdpBehaviour {
  readonly reachable: true;
  readonly local: SocketAddress;
  /** The server's other address; null where it has none. */
  readonly other: SocketAddress | null;
  /** null where the server has no other address, or that did not answer; `none` is known without. */
  readonly mapping: Mapping | null;
  /** null where the server has no other address, or does not answer from it when asked to. */
  readonly filtering: Filtering | null;
  /** Whether two sockets here reach one another by their mapped addresses; null where too few were mapped. */
  readonly hairpin: boolean | null;
  /** Whether every fresh socket kept its local port number outside. */
  readonly preservesPort: boolean;
  /** By how much the mapped port grew from one fresh socket to the next, where it is the same each time. */
  readonly portStep: number | null;
  /** Whether more than one mapped IP address was seen. */
  readonly variesAddress: boolean;
  readonly seen: readonly Sighting[];
  /** Only where it was asked for; null where the server does not do RESPONSE-PORT. */
  readonly lifetime?: Lifetime | null;
  readonly tcp: TcpBehaviour;
}

export type NatBehaviour = UdpBlocked | UdpBehaviour;

/** Addresses in the text that `ipAddressText` writes. */
export function isSame(one: SocketAddress, other: SocketAddress): boolean {
  return one.address === other.address && one.port === other.port;
}
