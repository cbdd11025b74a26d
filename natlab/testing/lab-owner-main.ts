// Opens a lab with the privilege that it is told, lets programs run in it, says so, and waits to be ended: by a
// signal, or by a line that tells how.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Privilege } from '../keeper.ts';
import { openLab } from '../lab.ts';

async function main(privilege: Privilege, hostName: string): Promise<void> {
  const lab = await openLab(
    {
      routers: { home: { nat: 'port', hosts: { [hostName]: {} } } },
      hosts: { far: { link: { delayMs: 1 } } },
    },
    privilege,
  );
  // A child, a grandchild, and one that has a session of its own and outlives its parent.
  const family = 'sleep 1000 & (setsid sleep 1000 &) ; echo born; wait';
  const started = [hostName, 'home', 'far'].map((name) =>
    (name === 'home' ? lab.router(name) : lab.host(name)).start('sh', ['-c', family]),
  );
  await Promise.all(started.map(({ stdout }) => stdout && once(stdout, 'data')));
  const namespaces = await Promise.all(
    [hostName, 'home', 'far', 'server', 'core'].map(async (name) =>
      (await lab.host(name).run('readlink', ['/proc/self/ns/net'])).stdout.trim(),
    ),
  );
  console.log(JSON.stringify({ folder: lab.folder, namespaces }));
  const [how] = await once(createInterface({ input: process.stdin }), 'line');
  if (how === 'close') await lab.close();
  if (how === 'throw') throw new Error('as it was told');
  process.exit();
}

const [privilege, hostName = ''] = process.argv.slice(2);
main(privilege as Privilege, hostName).catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
