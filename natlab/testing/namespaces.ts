import { spawnSync } from 'node:child_process';
import { describe } from 'vitest';
import { ownPrivilege, type Privilege } from '../keeper.ts';

const UNSHARE = ['--net', '--mount', '--propagation', 'private', 'mount', '-t', 'tmpfs', 'tmpfs', '/run'];

/** With which privileges this process can have namespaces: as root both, as anyone else one or none. */
const PRIVILEGES = (['root', 'user'] as const).filter((privilege) =>
  privilege === 'root'
    ? ownPrivilege() === 'root' && tryUnshare([])
    : tryUnshare(['--user', '--map-root-user']),
);

if (PRIVILEGES.length === 0) {
  process.stderr.write('natlab: skipped what needs network namespaces, as `unshare` is refused here.\n');
}

/** A suite that needs namespaces, once with each privilege there is. Without any, its tests count as skipped. */
export function describeWithEach(title: string, body: (privilege: Privilege) => void): void {
  if (PRIVILEGES.length === 0) describe.skip(title, () => body('user'));
  for (const privilege of PRIVILEGES) describe(`${title} (privilege: ${privilege})`, () => body(privilege));
}

/** A suite that needs namespaces and is the same with every privilege. */
export function describeInNamespaces(title: string, body: () => void): void {
  describe.skipIf(PRIVILEGES.length === 0)(title, body);
}

function tryUnshare(asUser: readonly string[]): boolean {
  return spawnSync('unshare', [...asUser, ...UNSHARE], { stdio: 'ignore' }).status === 0;
}
