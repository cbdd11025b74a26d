import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Privilege } from './keeper.ts';
import { openLab } from './lab.ts';
import type { Network } from './network.ts';
import { describeWithEach } from './testing/namespaces.ts';
import { Prober } from './testing/prober.ts';

const OWNER = fileURLToPath(new URL('./testing/lab-owner-main.ts', import.meta.url));
const HOST_NAME = 'leftover';
const PATIENCE = { timeout: 10_000, interval: 50 };

let scratch: string;
const owners = new Set<ChildProcess>();

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nothing-left-'));
});
afterEach(async () => {
  for (const owner of owners) owner.kill('SIGKILL');
  owners.clear();
  await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
});

/** A process of its own, in a group of its own, whose labs have their folders in `scratch`. */
function startOwner(privilege: Privilege, env: Record<string, string> = {}): ChildProcess {
  const owner = spawn(process.execPath, ['--import', 'tsx', OWNER, privilege, HOST_NAME], {
    env: { ...process.env, TMPDIR: scratch, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  owners.add(owner);
  return owner;
}

/** What its lab consists of, once it stands and programs run in it. */
async function labOf(owner: ChildProcess): Promise<Set<string>> {
  let complaint = '';
  owner.stderr?.on('data', (text) => {
    complaint += text;
  });
  const line = owner.stdout && once(owner.stdout, 'data').then(([text]) => String(text));
  const ended = once(owner, 'exit').then(() => Promise.reject(new Error(complaint)));
  ended.catch(() => {});
  const { namespaces } = JSON.parse((await Promise.race([line, ended])) ?? '') as { namespaces: string[] };
  return new Set(namespaces);
}

/** Processes that are in one of the namespaces, or that an owner started, by what they run. */
async function processesOf(namespaces: ReadonlySet<string>): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [namespace, environment, words] = await Promise.all([
        readlink(`/proc/${pid}/ns/net`).catch(() => ''),
        readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''),
        readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
      ]);
      const isOurs = namespaces.has(namespace) || environment.includes(scratch);
      return isOurs ? [words.replaceAll('\0', ' ')] : [];
    }),
  );
  return found.flat();
}

const labFolders = async (): Promise<string[]> =>
  (await readdir(scratch)).filter((name) => name.startsWith('natlab-'));

describeWithEach('nothing stays behind', (privilege) => {
  const ends: [how: string, end: (owner: ChildProcess) => void][] = [
    ['it is closed', (owner) => owner.stdin?.write('close\n')],
    ['its owner forgets it', (owner) => owner.stdin?.write('exit\n')],
    ['its owner fails', (owner) => owner.stdin?.write('throw\n')],
    ['its owner is killed', (owner) => owner.kill('SIGKILL')],
    ['someone presses Ctrl-C', ({ pid = 0 }) => process.kill(-pid, 'SIGINT')],
    ['its terminal is closed', ({ pid = 0 }) => process.kill(-pid, 'SIGHUP')],
  ];

  test.each(ends)('when %s', async (_how, end) => {
    const owner = startOwner(privilege);
    const exited = once(owner, 'exit');
    const namespaces = await labOf(owner);
    const programs = await processesOf(namespaces);
    // Two in each of three machines, the keeper, and what moves frames on the cable.
    expect(programs.filter((words) => words.startsWith('sleep 1000'))).toHaveLength(6);
    expect(programs).toContainEqual(expect.stringContaining('natlab /'));
    expect(programs).toContainEqual(expect.stringContaining('linkem'));
    expect(await labFolders()).toHaveLength(1);
    expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8', env: WITH_SBIN })).not.toContain(
      HOST_NAME,
    );

    end(owner);
    await exited;
    await expect.poll(() => processesOf(namespaces), PATIENCE).toEqual([]);
    await expect.poll(labFolders, PATIENCE).toEqual([]);
  });

  test('once close() is done, at once', async () => {
    const lab = await openLab({ hosts: { bob: {} } }, privilege);
    const bob = lab.host('bob');
    const namespace = (await bob.run('readlink', ['/proc/self/ns/net'])).stdout.trim();
    const child = bob.start('sh', ['-c', 'trap "" TERM; (setsid sleep 1000 &); echo born; sleep 1000']);
    if (child.stdout) await once(child.stdout, 'data');
    expect(await processesOf(new Set([namespace]))).not.toEqual([]);
    await lab.close();
    expect(await processesOf(new Set([namespace]))).toEqual([]);
    await lab.close();
  });

  test('when it could not be built', async () => {
    const broken = join(scratch, 'nft');
    await writeFile(broken, '#!/bin/sh\necho "no rules today" >&2\nexit 1\n');
    await chmod(broken, 0o755);
    const owner = startOwner(privilege, { PATH: `${scratch}:${process.env['PATH']}` });
    await expect(labOf(owner)).rejects.toThrow('no rules today');
    await expect.poll(labFolders, PATIENCE).toEqual([]);
    await expect.poll(() => processesOf(new Set()), PATIENCE).toEqual([]);
  });

  test('two labs side by side are the same and do not see each other', async () => {
    const network: Network = { routers: { home: { nat: 'port', hosts: { alice: {} } } }, hosts: { bob: {} } };
    const [one, two] = await Promise.all([openLab(network, privilege), openLab(network, privilege)]);
    try {
      expect(one.host('bob').ipv4).toEqual(two.host('bob').ipv4);
      const port = await new Prober(one.host('bob')).listen();
      const [address = ''] = one.host('bob').ipv4;
      expect(await new Prober(one.host('alice')).knock('tcp', { address, port })).toBe('open');
      expect(await new Prober(two.host('alice')).knock('tcp', { address, port })).toBe('ECONNREFUSED');
      await one.close();
      expect(await new Prober(two.host('alice')).knock('tcp', { address, port })).toBe('ECONNREFUSED');
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });
});

describe('where there can be no namespaces', () => {
  test.each([
    [
      'unshare: unshare failed: Operation not permitted',
      'echo "$0: unshare failed: Operation not permitted" >&2; exit 1',
    ],
    ['it ended at once', 'exit 1'],
  ])('says so in one line and leaves nothing: %s', async (reason, script) => {
    const refusing = join(scratch, 'unshare');
    await writeFile(refusing, `#!/bin/sh\n${script.replace('$0', 'unshare')}\n`);
    await chmod(refusing, 0o755);
    const owner = startOwner('user', { PATH: `${scratch}:${process.env['PATH']}` });
    await expect(labOf(owner)).rejects.toThrow(`There can be no network namespaces here: ${reason}\n`);
    expect(await labFolders()).toEqual([]);
  });
});

const WITH_SBIN = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
