import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeFile } from '../e2e/harness/files.ts';
import { startServer } from '../e2e/harness/server.ts';
import { bareChromiumSeconds } from './bare-chromium.ts';
import { bareNodeSeconds } from './bare-node.ts';
import { launchChromium } from './chromium.ts';
import { nodeToNodeSeconds, nodeToPageSeconds, pageToNodeSeconds, pageToPageSeconds } from './deliveries.ts';
import { type Comparison, compare } from './figures.ts';
import { MemoryWatch } from './memory.ts';

/** `npm run bench`: what a delivery costs beside a bare data channel, and whether memory follows the file. See README.md here. */

const MIB = 1024 * 1024;
const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    mib: { type: 'string', default: '512' },
    'memory-mib': { type: 'string', default: '2048' },
  },
});
const rounds = Number(options.rounds);
const bytes = Number(options.mib) * MIB;
const memoryBytes = Number(options['memory-mib']) * MIB;
const wants = (name: string) => options.only === undefined || name.includes(options.only);

interface MemoryRow {
  readonly name: string;
  readonly small: number;
  readonly large: number;
}

const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
const comparisons: Comparison[] = [];
const memory: MemoryRow[] = [];
const loadBefore = loadavg();
try {
  await using server = await startServer();
  const file = await makeFile(join(folder, 'file.bin'), bytes);
  const size = { bytes, rounds, floor: 0.7 };
  if (wants('node-to-node')) {
    comparisons.push(
      await compare(
        'node-to-node',
        size,
        () => nodeToNodeSeconds(server.url, file, folder),
        () => bareNodeSeconds(bytes),
      ),
    );
  }
  if (wants('chromium-to-chromium')) {
    await using chromium = await launchChromium();
    const [sender, receiver] = [await chromium.page(), await chromium.page()];
    const bare = async () => {
      await Promise.all([sender.goto(server.url), receiver.goto(server.url)]);
      return bareChromiumSeconds(sender, receiver, bytes);
    };
    const ours = () => pageToPageSeconds(sender, receiver, server.url, file);
    comparisons.push(await compare('chromium-to-chromium', size, ours, bare));
  }
  if (wants('memory')) memory.push(...(await measureMemory(server.url)));
} finally {
  await rm(folder, { recursive: true, force: true });
}
await report();

/** Peak anonymous memory of each kind of peer for a file that would fit into memory and one eight times as large. */
async function measureMemory(serverUrl: string): Promise<MemoryRow[]> {
  const peaks: Record<string, number[]> = {};
  const note = (name: string, peak: number) => {
    peaks[name] = [...(peaks[name] ?? []), peak];
  };
  for (const size of [memoryBytes / 8, memoryBytes]) {
    const file = await makeFile(join(folder, 'large.bin'), size);
    let watches: [string, MemoryWatch][] = [];
    await nodeToNodeSeconds(serverUrl, file, folder, ({ sender, receiver }) => {
      watches = [
        ['node sends', new MemoryWatch([sender ?? 0])],
        ['node receives', new MemoryWatch([receiver ?? 0])],
      ];
    });
    for (const [name, watch] of watches) note(name, watch.stop());
    note('chromium sends', await chromiumPeak((page) => pageToNodeSeconds(page, serverUrl, file, folder)));
    note('chromium receives', await chromiumPeak((page) => nodeToPageSeconds(page, serverUrl, file)));
    await rm(file);
  }
  return Object.entries(peaks).map(([name, [small = 0, large = 0]]) => ({ name, small, large }));
}

async function chromiumPeak(
  deliver: (page: Awaited<ReturnType<Awaited<ReturnType<typeof launchChromium>>['page']>>) => Promise<number>,
): Promise<number> {
  await using chromium = await launchChromium();
  const page = await chromium.page();
  const watch = new MemoryWatch([chromium.pid]);
  await deliver(page);
  return watch.stop();
}

async function report(): Promise<void> {
  const machine = { cores: cpus().length, model: cpus()[0]?.model ?? '', loadBefore, loadAfter: loadavg() };
  console.log(`\n${machine.cores} cores (${machine.model}), load before ${loadBefore[0]?.toFixed(1)}\n`);
  if (comparisons.length > 0) {
    console.log(
      `| ${bytes / MIB} MiB, median of ${rounds} rounds | ours MB/s | bare data channel MB/s | ratio | floor |`,
    );
    console.log('|---|---|---|---|---|');
    for (const { name, ours, against, ratio, floor } of comparisons) {
      console.log(
        `| ${name} | ${ours.toFixed(1)} | ${against.toFixed(1)} | ${ratio.toFixed(2)} | ${floor} |`,
      );
    }
  }
  if (memory.length > 0) {
    console.log(
      `\n| peak anonymous memory, MB | ${memoryBytes / 8 / MIB} MiB file | ${memoryBytes / MIB} MiB file |`,
    );
    console.log('|---|---|---|');
    for (const { name, small, large } of memory) {
      console.log(`| ${name} | ${(small / 1e6).toFixed(0)} | ${(large / 1e6).toFixed(0)} |`);
    }
  }
  const results = join(import.meta.dirname, 'results');
  await mkdir(results, { recursive: true });
  const path = join(results, `${new Date().toISOString().replaceAll(':', '-')}.json`);
  await writeFile(path, `${JSON.stringify({ machine, comparisons, memory }, null, 2)}\n`);
  if (comparisons.some(({ ratio, floor }) => ratio < floor)) process.exitCode = 1;
}
