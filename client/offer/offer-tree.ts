import type { Entry, EntryId } from '#protocol/entry.ts';
import { visibleText } from '#protocol/local-path.ts';

/** What lies below a folder, itself not counted. An empty folder counts as one leaf, like a file. */
export interface Tally {
  files: number;
  sizeBytes: number;
  leaves: number;
}

export interface FileNode {
  readonly kind: 'file';
  readonly id: EntryId;
  /** Safe to show. */
  readonly name: string;
  readonly parent: FolderNode;
  readonly sizeBytes: number;
  chosen: boolean;
}

export class FolderNode {
  readonly kind = 'folder';
  /** Null where the manifest does not list it and only its files' paths name it. */
  id: EntryId | null = null;
  readonly name: string;
  readonly parent: FolderNode | null;
  readonly total: Tally = { files: 0, sizeBytes: 0, leaves: 0 };
  readonly chosen: Tally = { files: 0, sizeBytes: 0, leaves: 0 };
  /** An empty folder's own choice; the others' follows from what lies in them. */
  chosenEmpty = false;
  readonly children: TreeNode[] = [];
  #sorted = false;

  constructor(name: string, parent: FolderNode | null) {
    this.name = name;
    this.parent = parent;
  }

  /** Folders first, then by name as people count: 2 before 10. Sorted when first shown. */
  shown(): readonly TreeNode[] {
    if (!this.#sorted) this.children.sort(inPeoplesOrder);
    this.#sorted = true;
    return this.children;
  }

  /** Itself and the folders in it that have nothing beside them: one row. Thus each further row has a leaf of its own. */
  chain(): readonly FolderNode[] {
    const chain: FolderNode[] = [this];
    let [only, beside] = this.children;
    while (only?.kind === 'folder' && beside === undefined) {
      chain.push(only);
      [only, beside] = only.children;
    }
    return chain;
  }
}

export type TreeNode = FileNode | FolderNode;

/** `some`: of a folder, a part of what lies in it. */
export type Choice = 'all' | 'some' | 'none';

/**
 * A manifest as the tree that people know, and what they have chosen of it: everything, to begin with.
 * Tallies are kept in every folder, so that a tree of a million entries answers at once.
 */
export class OfferTree {
  readonly root = new FolderNode('', null);
  readonly #folders = new Map<string, FolderNode>([['', this.root]]);
  readonly #listed: FolderNode[] = [];
  readonly #files: FileNode[] = [];

  constructor(entries: readonly Entry[]) {
    entries.forEach((entry, id) => {
      if (entry.kind === 'folder') {
        const folder = this.#folder(entry.path);
        folder.id = id;
        this.#listed.push(folder);
        return;
      }
      const slash = entry.path.lastIndexOf('/');
      const parent = this.#folder(entry.path.slice(0, Math.max(slash, 0)));
      const name = visibleText(entry.path.slice(slash + 1));
      const file: FileNode = { kind: 'file', id, name, parent, sizeBytes: entry.sizeBytes, chosen: false };
      parent.children.push(file);
      this.#files.push(file);
      tally(parent, 'total', { files: 1, sizeBytes: entry.sizeBytes, leaves: 1 });
    });
    for (const folder of this.#folders.values()) {
      if (isEmpty(folder) && folder !== this.root)
        tally(folder, 'total', { files: 0, sizeBytes: 0, leaves: 1 });
    }
    this.choose(this.root, true);
  }

  choiceOf(node: TreeNode): Choice {
    if (node.kind === 'file') return node.chosen ? 'all' : 'none';
    if (node.chosen.leaves === 0) return 'none';
    return node.chosen.leaves === node.total.leaves ? 'all' : 'some';
  }

  /** Chooses or leaves out a file, or everything below a folder. */
  choose(node: TreeNode, chosen: boolean): void {
    const waiting: TreeNode[] = [node];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (next.kind === 'folder' && !isEmpty(next)) {
        // Only what changes: choosing a file again in a large folder must not walk all of it.
        for (const child of next.children)
          if (this.choiceOf(child) !== (chosen ? 'all' : 'none')) waiting.push(child);
      } else {
        chooseLeaf(next, chosen);
      }
    }
  }

  /** Chooses these files and empty folders, and nothing else. */
  chooseOnly(ids: ReadonlySet<EntryId>): void {
    this.choose(this.root, false);
    for (const leaf of [...this.#listed.filter(isEmpty), ...this.#files])
      if (leaf.id !== null && ids.has(leaf.id)) this.choose(leaf, true);
  }

  /** Ids for `Receiving.accept`, in manifest order: files, and folders of which everything is chosen. */
  chosenIds(): EntryId[] {
    const ids: EntryId[] = [];
    for (const folder of this.#listed)
      if (folder.id !== null && this.choiceOf(folder) === 'all') ids.push(folder.id);
    for (const file of this.#files) if (file.chosen) ids.push(file.id);
    return ids.sort((a, b) => a - b);
  }

  #folder(path: string): FolderNode {
    const known = this.#folders.get(path);
    if (known !== undefined) return known;
    const slash = path.lastIndexOf('/');
    const parent = this.#folder(path.slice(0, Math.max(slash, 0)));
    const folder = new FolderNode(visibleText(path.slice(slash + 1)), parent);
    parent.children.push(folder);
    this.#folders.set(path, folder);
    return folder;
  }
}

function isEmpty(folder: FolderNode): boolean {
  return folder.children.length === 0;
}

function chooseLeaf(leaf: TreeNode, chosen: boolean): void {
  const sign = chosen ? 1 : -1;
  if (leaf.kind === 'file') {
    if (leaf.chosen === chosen) return;
    leaf.chosen = chosen;
    tally(leaf.parent, 'chosen', { files: sign, sizeBytes: sign * leaf.sizeBytes, leaves: sign });
  } else if (leaf.chosenEmpty !== chosen) {
    leaf.chosenEmpty = chosen;
    tally(leaf, 'chosen', { files: 0, sizeBytes: 0, leaves: sign });
  }
}

/** Adds to a folder's tally and to those of all folders around it. */
function tally(start: FolderNode, which: 'total' | 'chosen', change: Tally): void {
  for (let folder: FolderNode | null = start; folder !== null; folder = folder.parent) {
    folder[which].files += change.files;
    folder[which].sizeBytes += change.sizeBytes;
    folder[which].leaves += change.leaves;
  }
}

const NAMES = new Intl.Collator(undefined, { numeric: true });

function inPeoplesOrder(a: TreeNode, b: TreeNode): number {
  return a.kind === b.kind ? NAMES.compare(a.name, b.name) : a.kind === 'folder' ? -1 : 1;
}
