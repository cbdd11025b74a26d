import type { Choice, OfferTree, Tally, TreeNode } from '../offer/offer-tree.ts';

/** A tree of entries as components see it: they are told when a choice in it changes. */
export class OfferChoice {
  readonly tree: OfferTree;
  /** The tree itself is plain: a proxy around each of a million nodes would cost more than the tree. */
  #version = $state(0);

  constructor(tree: OfferTree) {
    this.tree = tree;
  }

  of(node: TreeNode): Choice {
    void this.#version;
    return this.tree.choiceOf(node);
  }

  /** What is chosen in all. */
  get chosen(): Tally {
    void this.#version;
    return { ...this.tree.root.chosen };
  }

  choose(node: TreeNode, chosen: boolean): void {
    this.tree.choose(node, chosen);
    this.#version += 1;
  }
}
