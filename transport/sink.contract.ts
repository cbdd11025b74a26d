import { type ContractCase, check, checkBytes, sampleBytes } from './contract.ts';
import type { ChosenEntry, SavedEntry, Sink } from './sink.ts';
import { namesOf } from './testing/delivery-names.ts';

export interface SinkSetup {
  /** A sink into a place that holds nothing, the same place for the setup's life. */
  create(): Promise<Sink>;
  /** What stands in that place under final names: by `savedAs`, a file's bytes or null for a folder. */
  saved(): Promise<ReadonlyMap<string, Uint8Array | null>>;
  /**
   * Ends a sink with nothing under way as the death of its process would: what it has put in its place stays as it is
   * at that moment, and nothing more is done with it.
   */
  crash?(sink: Sink): Promise<void>;
}

export const BLOCK = 1024 * 1024;
export const SHARE = namesOf('AAAAAAAAAAAAAAAAAAAAAA');
/** Where a sink is never opened again: sinks keep roots and judge nothing by them. */
const ROOT = new Uint8Array(32);

export interface Sample extends ChosenEntry {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export const file = (id: number, path: string, lengthBytes: number): Sample => ({
  id,
  entry: { kind: 'file', path, sizeBytes: lengthBytes, modifiedMs: 1_700_000_000_000 },
  bytes: sampleBytes(lengthBytes, id),
});

export const leafOf = async (block: Uint8Array<ArrayBuffer>): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', block));

/** Gives the sink copies, in blocks, the last first; what is written is written over, as by the next block that arrives. */
export async function write(sink: Sink, { id, bytes }: Sample): Promise<void> {
  for (let start = Math.floor(bytes.length / BLOCK) * BLOCK; start >= 0; start -= BLOCK) {
    const block = bytes.slice(start, start + BLOCK);
    if (block.length > 0) await sink.write(id, start, block, await leafOf(block));
    // One that was transferred away has no bytes left, and refuses.
    if (block.length > 0) block.fill(0xee);
  }
}

/** Checks that exactly these files are said to be saved, and stand where it is said. */
export async function checkSaved(
  { saved }: SinkSetup,
  said: readonly SavedEntry[],
  samples: readonly Sample[],
): Promise<void> {
  const stands = await saved();
  const places = new Map(said.map(({ id, savedAs }) => [id, savedAs]));
  check(new Set(places.values()).size === said.length, 'two entries are saved at one place');
  for (const { id, entry, bytes } of samples) {
    const place = places.get(id);
    check(place !== undefined, `${entry.path} is not said to be saved`);
    checkBytes(stands.get(place), bytes, entry.path);
  }
  const files = [...stands.values()].filter((content) => content !== null).length;
  check(files === samples.length, `${files} files stand there instead of ${samples.length}`);
}

async function save(sink: Sink, samples: readonly Sample[]): Promise<readonly SavedEntry[]> {
  await sink.open(samples, SHARE);
  for (const sample of samples) {
    await write(sink, sample);
    await sink.commit(sample.id, ROOT);
  }
  return sink.finish();
}

/** What every Sink promises. */
export const sinkContract: readonly ContractCase<SinkSetup>[] = [
  {
    name: 'saves one file, in blocks out of order',
    async run(setup) {
      const sample = file(0, 'one.bin', 2 * BLOCK + 12_345);
      await checkSaved(setup, await save(await setup.create(), [sample]), [sample]);
    },
  },
  {
    name: 'saves a whole number of blocks, one byte, and nothing',
    async run(setup) {
      const samples = [file(0, 'blocks', 2 * BLOCK), file(1, 'byte', 1), file(2, 'empty', 0)];
      await checkSaved(setup, await save(await setup.create(), samples), samples);
    },
  },
  {
    name: 'saves some entries of a share, whatever their ids, written at once',
    async run(setup) {
      const samples = [7, 3, 999_999, 12].map((id) => file(id, `share/${id % 2}/${id}.bin`, BLOCK + id));
      const sink = await setup.create();
      await sink.open(samples, SHARE);
      await Promise.all(samples.map((sample) => write(sink, sample)));
      await Promise.all(samples.map(({ id }) => sink.commit(id, ROOT)));
      await checkSaved(setup, await sink.finish(), samples);
    },
  },
  {
    name: 'saves a thousand small files, written and committed at once',
    async run(setup) {
      const samples = Array.from({ length: 1000 }, (_, id) => file(id, `share/${id % 10}/${id}`, id));
      const sink = await setup.create();
      await sink.open(samples, SHARE);
      await Promise.all(
        samples.map((sample) => write(sink, sample).then(() => sink.commit(sample.id, ROOT))),
      );
      await checkSaved(setup, await sink.finish(), samples);
    },
  },
  {
    name: 'makes empty folders, also beside files',
    async run(setup) {
      const folder = (id: number, path: string): ChosenEntry => ({ id, entry: { kind: 'folder', path } });
      const sample = file(3, 'share/a.txt', 10);
      const sink = await setup.create();
      await sink.open(
        [folder(0, 'share'), folder(1, 'share/empty'), folder(2, 'share/empty/too'), sample],
        SHARE,
      );
      await write(sink, sample);
      await sink.commit(3, ROOT);
      const said = await sink.finish();
      await checkSaved(setup, said, [sample]);
      const stands = await setup.saved();
      for (const { id, savedAs } of said)
        if (id < 3) check(stands.get(savedAs) === null, `${savedAs} is missing`);
      check(said.length === 4, 'a folder is not said to be saved');
    },
  },
  {
    name: 'names that cannot be told apart, or mean something to a system, become different ordinary ones',
    async run(setup) {
      const paths = [
        ...[
          'Makefile',
          'makefile',
          'caf\u00e9',
          'cafe\u0301',
          'CON',
          'nul.txt',
          'a:b',
          'trailing.',
          'trailing ',
        ],
        ...['C:evil', '..\\up', 'txt.\u202egpj.exe', `${'long'.repeat(75)}.txt`, `${'long'.repeat(76)}.txt`],
      ];
      const samples = paths.map((path, id) => file(id, path, 10 + id));
      await checkSaved(setup, await save(await setup.create(), samples), samples);
    },
  },
  {
    name: 'nothing has a final name before it is committed',
    async run(setup) {
      const [first, second] = [file(0, 'share/first', BLOCK), file(1, 'share/second', BLOCK)];
      const sink = await setup.create();
      await sink.open([first, second], SHARE);
      await write(sink, first);
      await write(sink, second);
      check((await setup.saved()).size === 0, 'something stands there too early');
      await sink.commit(0, ROOT);
      const files = [...(await setup.saved()).values()].filter((content) => content !== null);
      check(files.length <= 1, 'more stands there than was committed');
      for (const content of files) checkBytes(content, first.bytes, 'the committed file');
      await sink.abort();
    },
  },
  {
    name: 'a discarded file appears nowhere, and the others arrive',
    async run(setup) {
      const samples = [0, 1, 2].map((id) => file(id, `share/${id}`, BLOCK + id)) as [Sample, Sample, Sample];
      const sink = await setup.create();
      await sink.open(samples, SHARE);
      await write(sink, samples[0]);
      await write(sink, samples[1]);
      await sink.commit(0, ROOT);
      await Promise.all([sink.discard(1), sink.discard(2)]);
      const said = await sink.finish();
      check(
        said.every(({ id }) => id === 0),
        'a discarded file is said to be saved',
      );
      await checkSaved(setup, said, [samples[0]]);
    },
  },
  {
    name: 'after an end too early no file stands there that was not committed',
    async run(setup) {
      const samples = [0, 1, 2].map((id) => file(id, `share/${id}/x`, BLOCK + id)) as [
        Sample,
        Sample,
        Sample,
      ];
      const sink = await setup.create();
      await sink.open(samples, SHARE);
      await Promise.all(samples.map((sample) => write(sink, sample)));
      await sink.commit(2, ROOT);
      await sink.abort();
      const files = [...(await setup.saved()).values()].filter((content) => content !== null);
      check(files.length <= 1, 'more stands there than was committed');
      for (const content of files) checkBytes(content, samples[2].bytes, 'the committed file');
    },
  },
  {
    name: 'an end before the beginning leaves nothing',
    async run(setup) {
      const sink = await setup.create();
      await sink.abort();
      check((await setup.saved()).size === 0, 'something stands there');
    },
  },
  {
    name: 'saving the same again leaves what was saved before',
    async run(setup) {
      const first = [file(0, 'share/a', 100), file(1, 'b.txt', 100)];
      const again = [file(2, 'share/a', 200), file(3, 'b.txt', 200)];
      await save(await setup.create(), first);
      const before = await setup.saved();
      const saidAgain = await save(await setup.create(), again);
      const after = await setup.saved();
      for (const [place, content] of before) if (content) checkBytes(after.get(place), content, place);
      for (const { id, savedAs } of saidAgain) {
        const sample = again.find((one) => one.id === id) as Sample;
        checkBytes(after.get(savedAs), sample.bytes, savedAs);
      }
    },
  },
];
