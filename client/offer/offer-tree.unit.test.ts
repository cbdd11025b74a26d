import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Entry } from '#protocol/entry.ts';
import { type FolderNode, OfferTree, type TreeNode } from './offer-tree.ts';

const ENTRIES: readonly Entry[] = [
  { kind: 'folder', path: 'trip' },
  { kind: 'folder', path: 'trip/empty' },
  { kind: 'file', path: 'trip/10.jpg', sizeBytes: 10 },
  { kind: 'file', path: 'trip/2.jpg', sizeBytes: 2 },
  { kind: 'file', path: 'unlisted/deep/er/a.txt', sizeBytes: 5 },
  { kind: 'file', path: 'note\u202Etxt.exe', sizeBytes: 1 },
];

function find(tree: OfferTree, path: string): TreeNode {
  return path.split('/').reduce<TreeNode>((node, name) => {
    const child = (node as FolderNode).children.find((candidate) => candidate.name === name);
    if (child === undefined) throw new Error(`no ${name}`);
    return child;
  }, tree.root);
}

describe('a tree from a manifest', () => {
  test('shows folders first, numbers in order, and no character that misleads', () => {
    const tree = new OfferTree(ENTRIES);
    expect(tree.root.shown().map(({ name }) => name)).toEqual(['trip', 'unlisted', 'note_txt.exe']);
    const trip = find(tree, 'trip') as FolderNode;
    expect(trip.shown().map(({ name }) => name)).toEqual(['empty', '2.jpg', '10.jpg']);
  });

  test('of an earlier choice exactly that is chosen again', () => {
    const tree = new OfferTree(ENTRIES);
    tree.chooseOnly(new Set([1, 4]));
    expect(tree.chosenIds()).toEqual([1, 4]);
    expect(tree.choiceOf(tree.root)).toBe('some');
  });

  test('everything is chosen to begin with', () => {
    const tree = new OfferTree(ENTRIES);
    expect(tree.choiceOf(tree.root)).toBe('all');
    expect(tree.root.chosen).toEqual({ files: 4, sizeBytes: 18, leaves: 5 });
    expect(tree.chosenIds()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('leaving a file out makes its folders partial, and only whole folders are asked for', () => {
    const tree = new OfferTree(ENTRIES);
    tree.choose(find(tree, 'trip/2.jpg'), false);
    expect(tree.choiceOf(find(tree, 'trip'))).toBe('some');
    expect(tree.chosenIds()).toEqual([1, 2, 4, 5]);
    tree.choose(find(tree, 'trip'), true);
    expect(tree.chosenIds()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('folders with nothing beside them are one row, also a thousand of them', () => {
    const tree = new OfferTree([...ENTRIES, { kind: 'file', path: `${'d/'.repeat(2000)}f`, sizeBytes: 1 }]);
    const rowOf = (path: string) => (find(tree, path) as FolderNode).chain().map(({ name }) => name);
    expect(rowOf('unlisted')).toEqual(['unlisted', 'deep', 'er']);
    expect(rowOf('trip')).toEqual(['trip']);
    expect(rowOf('trip/empty')).toEqual(['empty']);
    expect(rowOf('d')).toHaveLength(2000);
  });

  test('an empty folder is chosen by itself', () => {
    const tree = new OfferTree(ENTRIES);
    tree.choose(tree.root, false);
    expect(tree.chosenIds()).toEqual([]);
    tree.choose(find(tree, 'trip/empty'), true);
    expect(tree.chosenIds()).toEqual([1]);
    expect(tree.choiceOf(find(tree, 'trip'))).toBe('some');
  });
});

test('tallies always are what the files say, whatever was chosen in which order', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const folder = fc.array(name, { maxLength: 3 });
  const manifest = fc
    .uniqueArray(folder, { maxLength: 12, selector: (path) => path.join('/') })
    .map((folders) =>
      folders.map(
        (path, index): Entry => ({
          kind: 'file',
          path: [...path, `f${index}`].join('/'),
          sizeBytes: index + 1,
        }),
      ),
    );
  const steps = fc.array(fc.record({ at: fc.nat(), chosen: fc.boolean() }), { maxLength: 10 });
  fc.assert(
    fc.property(manifest, steps, (entries, choices) => {
      const tree = new OfferTree(entries);
      const nodes = allNodes(tree.root);
      for (const { at, chosen } of choices) tree.choose(nodes[at % nodes.length] as TreeNode, chosen);
      for (const node of nodes) {
        if (node.kind === 'file') continue;
        const files = allNodes(node).filter((child) => child.kind === 'file');
        const chosen = files.filter((file) => file.chosen);
        expect(node.chosen.files).toBe(chosen.length);
        expect(node.chosen.sizeBytes).toBe(chosen.reduce((sum, file) => sum + file.sizeBytes, 0));
        expect(node.total.files).toBe(files.length);
      }
      const expected = nodes.filter((node) => node.kind === 'file').filter((file) => file.chosen);
      expect(tree.chosenIds()).toEqual(expected.map(({ id }) => id).sort((a, b) => a - b));
    }),
  );
});

function allNodes(node: TreeNode): TreeNode[] {
  return node.kind === 'file' ? [node] : [node, ...node.children.flatMap(allNodes)];
}
