import { LeafTree } from '#protocol/leaf-tree.ts';
import { type ContractCase, check, checkBytes, sampleBytes } from './contract.ts';
import {
  BLOCK,
  checkSaved,
  file,
  leafOf,
  type Sample,
  SHARE,
  type SinkSetup,
  write,
} from './sink.contract.ts';
import type { HeldFile, Sink } from './sink.ts';

/** How a run ends so that another goes on: in order, and not. */
const INTERRUPTIONS = {
  'a suspension': (_setup: SinkSetup, sink: Sink) => sink.suspend(),
  'a crash': (setup: SinkSetup, sink: Sink) => setup.crash?.(sink) ?? sink.suspend(),
};
type Interrupt = (setup: SinkSetup, sink: Sink) => Promise<void>;

const blocksOf = ({ bytes }: Sample): number => Math.ceil(bytes.length / BLOCK);
const blockOf = ({ bytes }: Sample, index: number): Uint8Array<ArrayBuffer> =>
  bytes.slice(index * BLOCK, (index + 1) * BLOCK);

async function writeBlocks(sink: Sink, sample: Sample, indices: readonly number[]): Promise<void> {
  for (const index of indices) {
    const block = blockOf(sample, index);
    await sink.write(sample.id, index * BLOCK, block, await leafOf(block));
  }
}

async function rootOf(sample: Sample): Promise<Uint8Array> {
  const tree = new LeafTree(sample.bytes.length, blocksOf(sample));
  for (let index = 0; index < blocksOf(sample); index += 1)
    tree.set(index, await leafOf(blockOf(sample, index)));
  return tree.root();
}

async function saveWhole(sink: Sink, sample: Sample): Promise<void> {
  await write(sink, sample);
  await sink.commit(sample.id, await rootOf(sample));
}

type Expected = ReadonlyMap<Sample, 'committed' | 'resized' | readonly number[]>;

/** Checks that exactly this is held, with these leaves, and reads it; of a committed file all of it. */
async function checkHeld(sink: Sink, held: readonly HeldFile[], expected: Expected): Promise<void> {
  check(held.length === expected.size, `${held.length} files are held instead of ${expected.size}`);
  for (const [sample, what] of expected) {
    const { path } = sample.entry;
    const one = held.find(({ id }) => id === sample.id);
    check(one !== undefined, `nothing is held of ${path}`);
    check(one.committed === (what === 'committed'), `${path} is committed: ${one.committed}`);
    check(one.resized === (what === 'resized'), `${path} is resized: ${one.resized}`);
    const indices = [...one.leaves.keys()].sort((a, b) => a - b);
    // Which blocks are of use in another size is the sink's affair.
    const all = Array.from({ length: blocksOf(sample) }, (_, index) => index);
    const expectedIndices = { committed: all, resized: indices };
    const wanted = typeof what === 'string' ? expectedIndices[what] : [...what].sort((a, b) => a - b);
    check(`${indices}` === `${wanted}`, `of ${path} blocks ${indices} are held`);
    for (const index of indices) {
      const block = blockOf(sample, index);
      checkBytes(one.leaves.get(index), await leafOf(block), `leaf ${index} of ${path}`);
      checkBytes(await sink.read(sample.id, index * BLOCK, block.length), block, `block ${index} of ${path}`);
    }
  }
}

/** The same file under another id. */
const as = (id: number, sample: Sample): Sample => ({ ...sample, id });

/** What every Sink that outlives its process promises besides, for each way in which a run is interrupted. */
export const resumeContract: readonly ContractCase<SinkSetup>[] = Object.entries(INTERRUPTIONS).flatMap(
  ([name, interrupt]) => resumeCases(name, interrupt),
);

/** A run that has written the second block of a file. */
async function interruptHalfway(
  setup: SinkSetup,
  sample: ReturnType<typeof file>,
  interrupt: Interrupt,
): Promise<void> {
  const sink = await setup.create();
  await sink.open([sample], SHARE);
  await writeBlocks(sink, sample, [1]);
  await interrupt(setup, sink);
}

function resumeCases(after: string, interrupt: Interrupt): ContractCase<SinkSetup>[] {
  return [
    {
      name: `after ${after} holds what was written, under other ids, and goes on`,
      async run(setup) {
        const [large, small, empty] = [
          file(0, 'share/large', 3 * BLOCK + 5),
          file(1, 'small', 9),
          file(2, 'empty', 0),
        ];
        const first = await setup.create();
        await first.open([large, small, empty], SHARE);
        await writeBlocks(first, large, [3, 1]);
        await writeBlocks(first, small, [0]);
        await interrupt(setup, first);
        check((await setup.saved()).size === 0, 'something stands there too early');

        const [emptyAgain, largeAgain, smallAgain] = [as(4, empty), as(7, large), as(70, small)];
        const second = await setup.create();
        const held = await second.open([emptyAgain, largeAgain, smallAgain], SHARE);
        await checkHeld(
          second,
          held,
          new Map([
            [largeAgain, [1, 3]],
            [smallAgain, [0]],
          ]),
        );
        await writeBlocks(second, largeAgain, [2, 0]);
        for (const sample of [largeAgain, smallAgain, emptyAgain])
          await second.commit(sample.id, await rootOf(sample));
        await checkSaved(setup, await second.finish(), [emptyAgain, largeAgain, smallAgain]);
      },
    },
    {
      name: `after ${after} and another, holds what both runs have written`,
      async run(setup) {
        const sample = file(0, 'share/file', 4 * BLOCK);
        for (const index of [2, 0]) {
          const sink = await setup.create();
          await sink.open([sample], SHARE);
          await writeBlocks(sink, sample, [index]);
          await interrupt(setup, sink);
        }
        const sink = await setup.create();
        await checkHeld(sink, await sink.open([sample], SHARE), new Map([[sample, [0, 2]]]));
        await interrupt(setup, sink);
        const last = await setup.create();
        await checkHeld(last, await last.open([sample], SHARE), new Map([[sample, [0, 2]]]));
        await last.abort();
      },
    },
    {
      name: `after ${after} what was committed stays and is not written again`,
      async run(setup) {
        const samples = [
          file(0, 'share/large', BLOCK + 1),
          file(1, 'share/small', 9),
          file(2, 'share/empty', 0),
        ];
        const rest = file(3, 'share/rest', 7);
        const first = await setup.create();
        await first.open([...samples, rest], SHARE);
        for (const sample of samples) await saveWhole(first, sample);
        await interrupt(setup, first);

        const second = await setup.create();
        const again = [rest, ...samples].map((sample, id) => as(id, sample));
        const held = await second.open(again, SHARE);
        await checkHeld(second, held, new Map(again.slice(1).map((sample) => [sample, 'committed'])));
        await saveWhole(second, again[0] as Sample);
        await checkSaved(setup, await second.finish(), again);
      },
    },
    {
      name: `after ${after} right after the opening nothing is held`,
      async run(setup) {
        const sample = file(0, 'share/file', 2 * BLOCK);
        const first = await setup.create();
        await first.open([sample], SHARE);
        await interrupt(setup, first);
        const second = await setup.create();
        await checkHeld(second, await second.open([sample], SHARE), new Map());
        await saveWhole(second, sample);
        await checkSaved(setup, await second.finish(), [sample]);
      },
    },
    {
      name: `after ${after} a block written twice is what it was last`,
      async run(setup) {
        const [before, sample] = [
          file(0, 'file', 2 * BLOCK),
          { ...file(0, 'file', 2 * BLOCK), bytes: sampleBytes(2 * BLOCK, 9) },
        ];
        const first = await setup.create();
        await first.open([before], SHARE);
        await writeBlocks(first, before, [0, 1]);
        await writeBlocks(first, sample, [1, 0]);
        await interrupt(setup, first);
        const second = await setup.create();
        await checkHeld(second, await second.open([sample], SHARE), new Map([[sample, [0, 1]]]));
        await second.abort();
      },
    },
    {
      name: `after ${after} nothing is held of a file that was discarded, and another size is told`,
      async run(setup) {
        const [kept, discarded, grown] = [0, 1, 2].map((id) => file(id, `share/${id}`, 2 * BLOCK)) as [
          Sample,
          Sample,
          Sample,
        ];
        const first = await setup.create();
        await first.open([kept, discarded, grown], SHARE);
        for (const sample of [kept, discarded, grown]) await writeBlocks(first, sample, [0]);
        await first.discard(1);
        await interrupt(setup, first);
        const second = await setup.create();
        const larger = file(2, 'share/2', 2 * BLOCK + 1);
        const held = await second.open([kept, discarded, larger], SHARE);
        await checkHeld(
          second,
          held,
          new Map<Sample, 'resized' | number[]>([
            [kept, [0]],
            [larger, 'resized'],
          ]),
        );
        await writeBlocks(second, kept, [1]);
        await second.commit(0, await rootOf(kept));
        await saveWhole(second, discarded);
        await saveWhole(second, larger);
        await checkSaved(setup, await second.finish(), [kept, discarded, larger]);
      },
    },
    {
      name: `after ${after} a file that was committed and has another size now is told`,
      async run(setup) {
        const [old, rest] = [file(0, 'share/file', 100), file(1, 'share/rest', 10)];
        const first = await setup.create();
        await first.open([old, rest], SHARE);
        await saveWhole(first, old);
        await interrupt(setup, first);
        const grown = file(0, 'share/file', 200);
        const second = await setup.create();
        await checkHeld(second, await second.open([grown, rest], SHARE), new Map([[grown, 'resized']]));
        await saveWhole(second, grown);
        await saveWhole(second, rest);
        const said = await second.finish();
        const stands = await setup.saved();
        for (const sample of [grown, rest]) {
          const place = said.find(({ id }) => id === sample.id)?.savedAs ?? '';
          checkBytes(stands.get(place), sample.bytes, sample.entry.path);
        }
      },
    },
    {
      name: `after ${after} another share holds nothing, and leaves what is held of the first`,
      async run(setup) {
        const sample = file(0, 'share/file', 2 * BLOCK);
        await interruptHalfway(setup, sample, interrupt);
        const other = await setup.create();
        await checkHeld(
          other,
          await other.open([sample], { ...SHARE, shareId: 'BBBBBBBBBBBBBBBBBBBBBB' }),
          new Map(),
        );
        await other.abort();
        const again = await setup.create();
        await checkHeld(again, await again.open([sample], SHARE), new Map([[sample, [1]]]));
        await again.abort();
      },
    },
    {
      name: `after ${after} another delivery of the share goes on with what is held`,
      async run(setup) {
        const sample = file(0, 'share/file', 2 * BLOCK);
        await interruptHalfway(setup, sample, interrupt);
        const second = await setup.create();
        const names = { ...SHARE, deliveryId: 'EEEEEEEEEEEEEEEEEEEEEA' };
        await checkHeld(second, await second.open([sample], names), new Map([[sample, [1]]]));
        await second.abort();
      },
    },
    {
      name: `after ${after} what is not chosen any more is not kept`,
      async run(setup) {
        const [a, b] = [file(0, 'share/a', 2 * BLOCK), file(1, 'share/b', 2 * BLOCK)];
        const first = await setup.create();
        await first.open([a, b], SHARE);
        await writeBlocks(first, a, [0]);
        await writeBlocks(first, b, [0]);
        await interrupt(setup, first);
        const second = await setup.create();
        await checkHeld(second, await second.open([a], SHARE), new Map([[a, [0]]]));
        await interrupt(setup, second);
        const third = await setup.create();
        await checkHeld(third, await third.open([b, a], SHARE), new Map([[a, [0]]]));
        await third.abort();
      },
    },
    {
      name: `after ${after} and an abort nothing is held but what was committed`,
      async run(setup) {
        const [a, b] = [file(0, 'share/a', BLOCK), file(1, 'share/b', 2 * BLOCK)];
        const first = await setup.create();
        await first.open([a, b], SHARE);
        await saveWhole(first, a);
        await writeBlocks(first, b, [1]);
        await interrupt(setup, first);
        const second = await setup.create();
        await checkHeld(
          second,
          await second.open([a, b], SHARE),
          new Map<Sample, 'committed' | number[]>([
            [a, 'committed'],
            [b, [1]],
          ]),
        );
        await second.abort();
        const third = await setup.create();
        const held = await third.open([a, b], SHARE);
        check(
          held.every((one) => one.committed),
          'something is held that was given up',
        );
        await third.abort();
      },
    },
    {
      name: `after ${after} in the middle of many files each is held or committed as it was`,
      async run(setup) {
        const samples = Array.from({ length: 300 }, (_, id) => file(id, `share/${id % 7}/${id}`, 1 + id));
        const first = await setup.create();
        await first.open(samples, SHARE);
        await Promise.all(
          samples.map(async (sample) => {
            if (sample.id % 3 > 0) await write(first, sample);
            if (sample.id % 3 > 1) await first.commit(sample.id, await rootOf(sample));
          }),
        );
        await interrupt(setup, first);
        const second = await setup.create();
        const again = samples.map((sample) => as(1000 - sample.id, sample));
        const held = await second.open(again, SHARE);
        const stateOf = (id: number) => (id % 3 > 1 ? ('committed' as const) : [0]);
        const expected = again
          .filter((_, i) => i % 3 > 0)
          .map((sample) => [sample, stateOf(1000 - sample.id)] as const);
        await checkHeld(second, held, new Map(expected));
        for (const sample of again) {
          const state = (1000 - sample.id) % 3;
          if (state === 0) await write(second, sample);
          if (state < 2) await second.commit(sample.id, await rootOf(sample));
        }
        await checkSaved(setup, await second.finish(), again);
      },
    },
  ];
}
