import type { NatType } from '../network.ts';

/** Who is who on the wire. */
export interface Cast {
  /** The two people, who delivers first. */
  readonly people: readonly [string, string];
  /** The routers before each host, its own first. */
  readonly routersOf: Readonly<Record<string, readonly string[]>>;
  readonly natOf: Readonly<Record<string, NatType>>;
  /** Each machine's own addresses outside, `server` and the routers among them. */
  readonly addressesOf: Readonly<Record<string, readonly string[]>>;
}

/** The address without its port. */
export function hostOf(socketAddress: string): string {
  return socketAddress.slice(0, socketAddress.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

export function isOwn(cast: Cast, machine: string, socketAddress: string): boolean {
  return cast.addressesOf[machine]?.includes(hostOf(socketAddress)) ?? false;
}

/** The machine that has this address on the public segment or before it; undefined where nobody does. */
export function ownerOf(cast: Cast, socketAddress: string): string | undefined {
  return Object.keys(cast.addressesOf).find((machine) => isOwn(cast, machine, socketAddress));
}
