import type { Host, Network, Router } from './network.ts';

/** A host and what it goes through to the public segment. */
export interface Resident {
  readonly host: string;
  /** The routers that it is behind, its own first; none for a public host. */
  readonly routers: readonly string[];
  /** The names of the cables on its way out that are emulated links, its own first. */
  readonly links: readonly string[];
}

/** All hosts of a network but the server, those with a public address last. */
export function residentsOf(network: Network): Resident[] {
  return residents(network.routers ?? {}, network.hosts ?? {}, [], []);
}

function residents(
  routers: Readonly<Record<string, Router>>,
  hosts: Readonly<Record<string, Host>>,
  before: readonly string[],
  links: readonly string[],
): Resident[] {
  const linked = (name: string, link: unknown): string[] =>
    link === undefined ? [...links] : [name, ...links];
  return [
    ...Object.entries(routers).flatMap(([name, router]) =>
      residents(router.routers ?? {}, router.hosts ?? {}, [name, ...before], linked(name, router.link)),
    ),
    ...Object.entries(hosts).map(([host, { link }]) => ({
      host,
      routers: before,
      links: linked(host, link),
    })),
  ];
}
