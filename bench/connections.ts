import { readdir, readFile, readlink } from 'node:fs/promises';

/** How many TCP connections stand between two processes of this machine (Linux). */
export async function connectionsBetween(one: number, other: number): Promise<number> {
  const [ours, theirs] = [await established(one), await established(other)];
  const mirrored = new Set(theirs.map(({ local, remote }) => `${remote} ${local}`));
  return ours.filter(({ local, remote }) => mirrored.has(`${local} ${remote}`)).length;
}

const ESTABLISHED = '01';

async function established(pid: number): Promise<{ local: string; remote: string }[]> {
  const names = await readdir(`/proc/${pid}/fd`);
  const links = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
  const inodes = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8')),
  );
  return tables
    .flatMap((table) => table.split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === ESTABLISHED && inodes.has(fields[9] ?? ''))
    .map(([, local = '', remote = '']) => ({ local: plain(local), remote: plain(remote) }));
}

/** A socket that takes both families writes IPv4 as ::ffff:… */
function plain(address: string): string {
  return address.replace(/^0{16}F{4}0{4}|^0{16}0000FFFF/i, '');
}
