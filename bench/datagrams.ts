import { readFile } from 'node:fs/promises';

/** @returns how many UDP datagrams programs have received on the machine of that process, as its kernel counts them (Linux) */
export async function datagramsReceived(pid: number): Promise<number> {
  const [v4, v6] = await Promise.all(
    ['snmp', 'snmp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8')),
  );
  // A line of names, and under it one of numbers.
  const [names = '', values = ''] = v4?.split('\n').filter((line) => line.startsWith('Udp:')) ?? [];
  const index = names.split(' ').indexOf('InDatagrams');
  const counts = [values.split(' ')[index], /^Udp6InDatagrams\s+(\d+)$/m.exec(v6 ?? '')?.[1]].map(Number);
  const [four = Number.NaN, six = Number.NaN] = counts;
  if (!Number.isInteger(four + six)) throw new Error('the kernel does not count datagrams');
  return four + six;
}
