import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readArguments, UsageError } from './command-line.ts';
import { residentsOf } from './residents.ts';

test('each word is a network of its own, with its link', async () => {
  const { command, network } = await readArguments(
    'shell port+hairpin public symseq+step=2+forgets=20 --delay 25 --loss 0.5'.split(' '),
  );
  const link = { delayMs: 25, lossPercent: 0.5 };
  expect(command).toBe('shell');
  expect(network).toEqual({
    routers: {
      home1: { nat: 'port', hairpin: true, hosts: { alice: {} }, link },
      home3: { nat: 'symseq', portStep: 2, mappingSeconds: 20, hosts: { carol: {} }, link },
    },
    hosts: { bob: { link } },
  });
  expect(residentsOf(network)).toEqual([
    { host: 'alice', routers: ['home1'], links: ['home1'] },
    { host: 'carol', routers: ['home3'], links: ['home3'] },
    { host: 'bob', routers: [], links: ['bob'] },
  ]);
});

test("a carrier stands before the home, and the link is the carrier's", async () => {
  const { network } = await readArguments(['demo', 'port+carrier=sym', '--rate', '8']);
  expect(network.routers).toEqual({
    carrier1: {
      nat: 'sym',
      link: { rateMbit: 8 },
      routers: { home1: { nat: 'port', hosts: { alice: {} } } },
    },
  });
  expect(residentsOf(network)).toEqual([
    { host: 'alice', routers: ['home1', 'carrier1'], links: ['carrier1'] },
  ]);
});

test.each([
  ['open port', 'There is no command "open": take shell, demo, time, or --help.'],
  ['shell', 'Say which networks there are'],
  ['shell cone', '"cone" in "cone" is no network: take public, fullcone'],
  ['shell port+fast', '"fast" in "port+fast" is no word of a router'],
  ['shell port+forgets', 'forgets takes a number, not ""'],
  ['shell public+hairpin', 'public stands alone'],
  ['shell port --delay long', 'delay takes a number, not "long"'],
  ['shell port --speed 5', "Unknown option '--speed'. --help lists what there is."],
  ['shell nowhere.ts', 'nowhere.ts could not be loaded'],
  ['shell nowhere.ts port', 'nowhere.ts describes the whole network'],
  [`shell ${'port '.repeat(9).trim()}`, 'There are 8 people at most'],
])('%s is refused with what to write instead', async (line, sentence) => {
  const reading = readArguments(line.split(' '));
  await expect(reading).rejects.toThrow(UsageError);
  await expect(readArguments(line.split(' '))).rejects.toThrow(sentence);
});

test("a person's own network is loaded from its module", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'natlab-own-'));
  try {
    const path = join(folder, 'own.mjs');
    await writeFile(path, 'export const network = { hosts: { zoe: {} } };\n');
    expect(await readArguments(['shell', path])).toEqual({
      command: 'shell',
      network: { hosts: { zoe: {} } },
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
