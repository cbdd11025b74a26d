import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { crc32 } from '../zip/crc32.ts';
import { dataAt, readZip } from '../zip/zip-reader.testing.ts';
import { localHeaderBytes } from '../zip/zip-records.ts';
import type { ContainerItem } from './container.ts';
import { MemoryFile } from './memory-file.ts';
import { StoredZip } from './stored-zip.ts';

const MODIFIED_MS = Date.UTC(2024, 1, 29, 12, 34, 57);

function item(id: number, fields: Partial<ContainerItem>): ContainerItem {
  return {
    id,
    kind: 'file',
    path: `f${id}`,
    sizeBytes: 0,
    modifiedMs: MODIFIED_MS,
    executable: false,
    ...fields,
  };
}

/** One right behind the other. */
function zip(file: MemoryFile, items: readonly ContainerItem[]): StoredZip {
  let end = 0;
  const placed = items.map((each) => {
    const headerAt = end;
    end += localHeaderBytes(each) + each.sizeBytes;
    return { ...each, headerAt };
  });
  return new StoredZip(file, placed);
}

function contents(memory: MemoryFile): { names: string[]; data: (name: string) => Uint8Array } {
  const bytes = memory.bytes();
  const read = (at: number, length: number) => bytes.slice(at, at + length);
  const items = readZip(read, bytes.length);
  const data = (name: string) => {
    const found = items.find((candidate) => candidate.name === name);
    if (found === undefined) throw new Error(`${name} is not in the archive`);
    const held = read(dataAt(read, found), found.sizeBytes);
    expect(crc32(held)).toBe(found.crc);
    return held;
  };
  return { names: items.map(({ name }) => name), data };
}

test('files, folders, modes and times come back out', () => {
  const file = new MemoryFile();
  const archive = zip(file, [
    item(0, { kind: 'folder', path: 'Fotos' }),
    item(1, { path: 'Fotos/küste 🏖.jpg', sizeBytes: 3, executable: true }),
    item(2, { path: 'empty' }),
  ]);
  archive.write(1, 0, Uint8Array.of(1, 2, 3));
  archive.commit(1);
  archive.commit(2);
  expect(archive.finish()).toEqual([0, 1, 2]);

  const bytes = file.bytes();
  const items = readZip((at, length) => bytes.slice(at, at + length), bytes.length);
  expect(items.map(({ name, mode, version }) => ({ name, mode: mode.toString(8), version }))).toEqual([
    { name: 'Fotos/', mode: '40755', version: 20 },
    { name: 'Fotos/küste 🏖.jpg', mode: '100755', version: 20 },
    { name: 'empty', mode: '100644', version: 20 },
  ]);
  expect(items.every(({ modifiedSeconds }) => modifiedSeconds * 1000 === MODIFIED_MS)).toBe(true);
  expect(contents(file).data('Fotos/küste 🏖.jpg')).toEqual(Uint8Array.of(1, 2, 3));
});

test('blocks in any order, entries interleaved, some given up: what was committed is whole, nothing else is named', () => {
  const plan = fc.array(
    fc.record({ content: fc.uint8Array({ maxLength: 40 }), kept: fc.boolean(), started: fc.boolean() }),
    { minLength: 1, maxLength: 8 },
  );
  fc.assert(
    fc.property(plan, fc.integer({ min: 1, max: 9 }), fc.infiniteStream(fc.nat()), (files, cut, dice) => {
      const memory = new MemoryFile();
      const archive = zip(
        memory,
        files.map(({ content }, id) => item(id, { sizeBytes: content.length })),
      );
      const writes = files.flatMap(({ content, kept, started }, id) => {
        const pieces = [];
        for (let at = 0; at < content.length; at += cut)
          pieces.push({ id, at, bytes: content.slice(at, at + cut) });
        return kept || started ? pieces : [];
      });
      const shuffled = writes
        .map((write) => ({ write, order: dice.next().value }))
        .sort((a, b) => a.order - b.order);
      for (const { write } of shuffled) archive.write(write.id, write.at, new Uint8Array(write.bytes));
      files.forEach(({ kept }, id) => {
        if (kept) archive.commit(id);
        else archive.discard(id);
      });

      const kept = files.flatMap((file, id) => (file.kept ? [id] : []));
      expect(archive.finish()).toEqual(kept);
      const { names, data } = contents(memory);
      expect(names).toEqual(kept.map((id) => `f${id}`));
      for (const id of kept) expect(data(`f${id}`)).toEqual(new Uint8Array(files[id]?.content ?? []));
    }),
  );
});

test('a gap longer than the moving buffer closes too', () => {
  const memory = new MemoryFile();
  const sizeBytes = 2 * BLOCK_BYTES + 7;
  const archive = zip(memory, [item(0, { sizeBytes: 1000 }), item(1, { sizeBytes })]);
  const content = Uint8Array.from({ length: sizeBytes }, (_, at) => (at * 31) % 251);
  archive.write(1, 0, content.slice());
  archive.commit(1);
  archive.finish();
  expect(crc32(contents(memory).data('f1'))).toBe(crc32(content));
});

test('a commit before all bytes came is refused', () => {
  const archive = zip(new MemoryFile(), [item(0, { sizeBytes: 2 })]);
  archive.write(0, 1, Uint8Array.of(7));
  expect(() => archive.commit(0)).toThrow(expect.objectContaining({ code: 'internal' }));
});

test('65,535 entries need the ZIP64 end record', () => {
  const memory = new MemoryFile();
  const items = Array.from({ length: 0xffff }, (_, id) => item(id, { kind: 'folder' }));
  zip(memory, items).finish();
  expect(contents(memory).names).toHaveLength(0xffff);
});
