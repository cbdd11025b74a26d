import type { Network } from '#natlab/network.ts';
import type { DistantPeers } from '../harness/distant-peers.ts';
import type { Disk } from './disks.ts';
import type { Program, Receiver, Sender } from './person.ts';

/** Who uses what. */
export interface Pairing {
  readonly sender: Program;
  readonly receiver: Program;
}

/** A transfer that runs: the sender is `alice` behind the router `home`, the receiver `bob` behind `office`. */
export interface Scene {
  readonly peers: DistantPeers;
  readonly pairing: Pairing;
  readonly sender: Sender;
  readonly receiver: Receiver;
  /** The file that is sent. */
  readonly path: string;
  readonly fileBytes: number;
  /** Where the receiver's program keeps what it has. */
  readonly receiverFolder: string;
}

/** Something that happens to a running transfer. */
export interface Fault {
  /** For tables and filters. */
  readonly name: string;
  /** What happens, for people. */
  readonly sentence: string;
  /** Where it needs another network than two homes. */
  readonly network?: Network;
  /** Where the receiver needs a disk of its own. */
  readonly disk?: Disk;
  /** Whether somebody presses a key in a terminal. */
  readonly needsKeys?: boolean;
  /** Blocks that are still missing at the last moment; two where it says nothing. */
  readonly lastBlocks?: number;
  /** Why it cannot happen to these two; undefined where it can. */
  readonly isImpossible?: (pairing: Pairing) => string | undefined;
  /** Lets it happen, and resolves when there is a usable way again and everybody is at their program. */
  strike(scene: Scene): Promise<void>;
  /** Holds what must be true at the end besides that everything has arrived. */
  verify?(scene: Scene): Promise<void>;
}
