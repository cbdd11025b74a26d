import type { EntryId } from '#protocol/entry.ts';
import { PathTree } from '#protocol/path.ts';
import { type ContractCase, check, checkBytes, checkRejects, sampleBytes } from './contract.ts';
import type { FileSource } from './file-source.ts';

/** What a source is to offer: paths such as `share/a.txt`, all in one folder. */
export type Samples = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

export interface FileSourceSetup {
  /** A source that offers the samples at their paths, perhaps with the folders that they lie in. */
  offer(samples: Samples): Promise<FileSource>;
}

export interface ChangingSourceSetup extends FileSourceSetup {
  /** What another program does to an offered file meanwhile: gives it other bytes and a later time, or removes it. */
  change(path: string, bytes: Uint8Array<ArrayBuffer> | null): Promise<void>;
}

function idOf(source: FileSource, path: string): EntryId {
  const id = source.entries.findIndex((entry) => entry.kind === 'file' && entry.path === path);
  check(id >= 0, `${path} is not offered`);
  return id;
}

const SOME: Samples = new Map([
  ['share/a.bin', sampleBytes(300_000, 1)],
  ['share/b.bin', sampleBytes(1, 2)],
  ['share/deep/er/c.bin', sampleBytes(70_000, 3)],
  ['share/deep/empty', new Uint8Array(0)],
]);

/** What every FileSource promises. */
export const fileSourceContract: readonly ContractCase<FileSourceSetup>[] = [
  {
    name: 'offers each file once, at a path that may be sent, with its size',
    async run({ offer }) {
      const source = await offer(SOME);
      const tree = new PathTree();
      for (const entry of source.entries) tree.add(entry);
      const files = source.entries.filter((entry) => entry.kind === 'file');
      check(files.length === SOME.size, `${files.length} files are offered`);
      for (const { path, sizeBytes } of files)
        check(SOME.get(path)?.length === sizeBytes, `${path}: wrong size`);
      await source.close();
    },
  },
  {
    name: 'reads exactly the range asked for, wherever it lies',
    async run({ offer }) {
      const source = await offer(SOME);
      for (const [path, bytes] of SOME) {
        const id = idOf(source, path);
        for (const [start, end] of [
          [0, bytes.length],
          [0, 1],
          [bytes.length >> 1, bytes.length],
          [bytes.length, bytes.length],
        ]) {
          const range = bytes.subarray(start, end);
          checkBytes(await source.read(id, start as number, range.length), range, `${path} from ${start}`);
        }
        await source.confirmUnchanged(id);
      }
      await source.close();
    },
  },
  {
    name: 'hands over each result for good: a buffer of its own',
    async run({ offer }) {
      const source = await offer(SOME);
      const id = idOf(source, 'share/a.bin');
      const first = await source.read(id, 0, 1000);
      check(
        first.byteOffset === 0 && first.buffer.byteLength === 1000,
        'the buffer holds more than the range',
      );
      first.fill(0);
      const expected = SOME.get('share/a.bin') as Uint8Array;
      checkBytes(await source.read(id, 0, 1000), expected.subarray(0, 1000), 'second read');
      await source.close();
    },
  },
  {
    name: 'serves many files and many reads at once',
    async run({ offer }) {
      const samples = new Map(
        Array.from({ length: 400 }, (_, i) => [`share/${i % 7}/${i}`, sampleBytes(i * 13, i)] as const),
      );
      const source = await offer(samples);
      const reads = [...samples].flatMap(([path, bytes]) => {
        const id = idOf(source, path);
        const half = bytes.length >> 1;
        return [
          source
            .read(id, half, bytes.length - half)
            .then((got) => checkBytes(got, bytes.subarray(half), path)),
          source.read(id, 0, half).then((got) => checkBytes(got, bytes.subarray(0, half), path)),
        ];
      });
      await Promise.all(reads);
      await source.close();
    },
  },
  {
    name: 'a range past the end is not given short',
    async run({ offer }) {
      const source = await offer(SOME);
      await checkRejects(source.read(idOf(source, 'share/b.bin'), 0, 2), ['source-changed']);
      await checkRejects(source.read(idOf(source, 'share/deep/empty'), 0, 1), ['source-changed']);
      await source.close();
    },
  },
];

const A = 'share/a.bin';
const A_BYTES = SOME.get(A) as Uint8Array<ArrayBuffer>;

/** What a source promises whose files other programs can change. */
export const changingSourceContract: readonly ContractCase<ChangingSourceSetup>[] = [
  {
    name: 'a file that changed before it is read is not sent as if it had not',
    async run({ offer, change }) {
      for (const bytes of [sampleBytes(A_BYTES.length, 9), sampleBytes(10, 9), sampleBytes(400_000, 9)]) {
        const source = await offer(SOME);
        await change(A, bytes);
        const id = idOf(source, A);
        const readAndConfirm = source.read(id, 0, 10).then(() => source.confirmUnchanged(id));
        await checkRejects(readAndConfirm, ['source-changed', 'source-unreadable']);
        await source.close();
      }
    },
  },
  {
    name: 'a file that changes between reads is found at the latest when it is confirmed',
    async run({ offer, change }) {
      for (const bytes of [sampleBytes(A_BYTES.length, 9), sampleBytes(10, 9), sampleBytes(400_000, 9)]) {
        const source = await offer(SOME);
        const id = idOf(source, A);
        checkBytes(await source.read(id, 0, 10), A_BYTES.subarray(0, 10), 'before the change');
        await change(A, bytes);
        await checkRejects(source.confirmUnchanged(id), ['source-changed', 'source-unreadable']);
        await source.close();
      }
    },
  },
  {
    name: 'a file that shrinks between reads is not given short',
    async run({ offer, change }) {
      const source = await offer(SOME);
      const id = idOf(source, A);
      await source.read(id, 0, 10);
      await change(A, sampleBytes(10, 9));
      await checkRejects(source.read(id, 0, A_BYTES.length), ['source-changed', 'source-unreadable']);
      await source.close();
    },
  },
  {
    name: 'a file that is gone cannot be read, and the others can',
    async run({ offer, change }) {
      const source = await offer(SOME);
      await change(A, null);
      await checkRejects(source.read(idOf(source, A), 0, 10), ['source-unreadable']);
      const other = SOME.get('share/b.bin') as Uint8Array;
      checkBytes(await source.read(idOf(source, 'share/b.bin'), 0, 1), other, 'share/b.bin');
      await source.close();
    },
  },
];
