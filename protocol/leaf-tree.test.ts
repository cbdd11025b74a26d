import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockCount } from './block.ts';
import { equalBytes, LeafTree } from './leaf-tree.ts';
import { BLOCK_BYTES, MAX_FILE_BYTES } from './limits.ts';
import vectors from './testdata/transfer-roots.json' with { type: 'json' };

const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** RFC 6962 section 2.1, word for word: nothing is shared with the code under test. */
function treeHead(entries: readonly Uint8Array[]): Buffer {
  const [first] = entries;
  if (!first) return sha256();
  if (entries.length === 1) return sha256(Uint8Array.of(0), first);
  let split = 1;
  while (split * 2 < entries.length) split *= 2;
  return sha256(Uint8Array.of(1), treeHead(entries.slice(0, split)), treeHead(entries.slice(split)));
}

function rootOf(sizeBytes: number, leaves: readonly Uint8Array[]): string {
  const sizes = Buffer.alloc(12);
  sizes.writeBigUInt64BE(BigInt(sizeBytes));
  sizes.writeUInt32BE(BLOCK_BYTES, 8);
  return sha256(Buffer.from('sallyport root v1'), sizes, treeHead(leaves)).toString('hex');
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const leafOf = (seed: number, index: number): Uint8Array => sha256(Buffer.from(`${seed}:${index}`));
const leavesOf = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => leafOf(0, i));

/** The Certificate Transparency project's own test data: entries of the tree, and its head over the first n of them. */
const CT_ENTRIES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657'].concat(
  '606162636465666768696a6b6c6d6e6f',
);
const CT_HEADS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

describe('the reference that the tree is held against', () => {
  it.each(CT_HEADS.map((head, size) => ({ size, head })))(
    'is RFC 6962 at $size entries',
    ({ size, head }) => {
      const entries = CT_ENTRIES.slice(0, size).map((entry) => Buffer.from(entry, 'hex'));
      expect(treeHead(entries).toString('hex')).toBe(head);
    },
  );

  it.each(vectors.files)('agrees with the published vector of $sizeBytes bytes', (file) => {
    const content = Buffer.alloc(file.sizeBytes).map((_, i) => i % 251);
    const leaves = Array.from({ length: blockCount(file.sizeBytes) }, (_, i) =>
      sha256(content.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)),
    );
    expect(leaves.map(hex)).toEqual(file.leaves);
    expect(hex(treeHead(leaves))).toBe(file.treeHead);
    expect(rootOf(file.sizeBytes, leaves)).toBe(file.root);
  });
});

describe('LeafTree', () => {
  it.each(vectors.files)('makes the published root of $sizeBytes bytes', ({ sizeBytes, leaves, root }) => {
    const tree = new LeafTree(sizeBytes, leaves.length);
    for (const [index, leaf] of leaves.entries()) tree.set(index, Buffer.from(leaf, 'hex'));
    expect(hex(tree.root())).toBe(root);
  });

  it('makes the reference’s root at every size, forwards and backwards', () => {
    for (let blocks = 0; blocks <= 70; blocks += 1) {
      const sizeBytes = blocks * BLOCK_BYTES - (blocks > 0 ? 1 : 0);
      const leaves = leavesOf(blocks);
      const forwards = new LeafTree(sizeBytes, blocks);
      leaves.forEach((leaf, i) => {
        forwards.set(i, leaf);
      });
      const backwards = new LeafTree(sizeBytes, blocks);
      for (let i = blocks - 1; i >= 0; i -= 1) backwards.set(i, leafOf(0, i));
      const expected = rootOf(sizeBytes, leaves);
      expect([blocks, hex(forwards.root()), hex(backwards.root())]).toEqual([blocks, expected, expected]);
    }
  });

  it('knows what has arrived, whatever the order, and makes the same root of it', () => {
    const arrivals = fc
      .integer({ min: 0, max: 70 })
      .chain((blocks) =>
        fc.tuple(
          fc.constant(blocks),
          fc.shuffledSubarray([...Array(blocks).keys()], { minLength: blocks }),
          fc.array(fc.nat({ max: Math.max(0, blocks - 1) }), { maxLength: blocks }),
          fc.nat({ max: blocks }),
        ),
      );
    fc.assert(
      fc.property(arrivals, ([blocks, order, repeats, from]) => {
        const tree = new LeafTree(blocks * BLOCK_BYTES, blocks);
        const known = new Set<number>();
        const check = () => {
          expect(tree.complete).toBe(known.size === blocks);
          let expected = from;
          while (known.has(expected)) expected += 1;
          expect(tree.firstUnknown(from)).toBe(Math.min(expected, blocks));
          if (!tree.complete) expect(() => tree.root()).toThrow();
        };
        check();
        for (const [step, index] of order.entries()) {
          expect(tree.has(index)).toBe(false);
          expect(tree.set(index, leafOf(0, index))).toBe(true);
          known.add(index);
          const again = repeats[step];
          if (again !== undefined && known.has(again)) {
            expect(tree.set(again, leafOf(0, again))).toBe(true);
            expect(tree.set(again, leafOf(1, again))).toBe(false);
          }
          check();
        }
        expect(hex(tree.root())).toBe(rootOf(blocks * BLOCK_BYTES, leavesOf(blocks)));
      }),
    );
  });

  it('forgets leaves, whether they were folded or not, and makes the root of those that come in their place', () => {
    const cases = fc
      .integer({ min: 1, max: 40 })
      .chain((blocks) =>
        fc.tuple(
          fc.constant(blocks),
          fc.subarray([...Array(blocks).keys()]),
          fc.subarray([...Array(blocks).keys()]),
        ),
      );
    fc.assert(
      fc.property(cases, ([blocks, arrived, forgotten]) => {
        const tree = new LeafTree(blocks * BLOCK_BYTES, blocks);
        for (const index of arrived) tree.set(index, leafOf(1, index));
        tree.forget(forgotten);
        for (let index = 0; index < blocks; index += 1) {
          const known = arrived.includes(index) && !forgotten.includes(index);
          expect(tree.has(index)).toBe(known);
          expect(tree.leaf(index)).toEqual(known ? Uint8Array.from(leafOf(1, index)) : null);
        }
        for (let index = 0; index < blocks; index += 1)
          if (!tree.has(index)) tree.set(index, leafOf(1, index));
        const whole = new LeafTree(blocks * BLOCK_BYTES, blocks);
        for (let index = 0; index < blocks; index += 1) whole.set(index, leafOf(1, index));
        expect(tree.root()).toEqual(whole.root());
        tree.forget([0]);
        expect(tree.complete).toBe(false);
        tree.set(0, leafOf(2, 0));
        expect(tree.root()).not.toEqual(whole.root());
      }),
    );
  });

  it('gives leaves away as copies', () => {
    const tree = new LeafTree(BLOCK_BYTES, 1);
    tree.set(0, leafOf(0, 0));
    tree.leaf(0)?.fill(255);
    expect(tree.leaf(0)).toEqual(Uint8Array.from(leafOf(0, 0)));
  });

  it('keeps its own copy of a leaf', () => {
    const tree = new LeafTree(2 * BLOCK_BYTES, 2);
    const leaf = leafOf(0, 1);
    tree.set(1, leaf);
    leaf.fill(0);
    tree.set(0, leafOf(0, 0));
    expect(hex(tree.root())).toBe(rootOf(2 * BLOCK_BYTES, leavesOf(2)));
  });

  it('stores what arrived, not what is claimed: a file of 8 PiB would not fit into any buffer', () => {
    const tree = new LeafTree(MAX_FILE_BYTES, blockCount(MAX_FILE_BYTES));
    for (let i = 0; i < 100; i += 1) expect(tree.set(i, leafOf(0, i))).toBe(true);
    expect(tree.firstUnknown()).toBe(100);
    expect(tree.has(100)).toBe(false);
    expect(tree.complete).toBe(false);
  });
});

describe('equalBytes', () => {
  it('compares length and every byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (a, b) => {
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(equalBytes(a, Uint8Array.from(a))).toBe(true);
      }),
    );
  });
});
