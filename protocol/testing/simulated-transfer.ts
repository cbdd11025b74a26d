import { type BlockRef, blockCount } from '../block.ts';
import {
  type ControlMessage,
  decodeReceiverMessage,
  decodeSenderMessage,
  encodeControlMessage,
} from '../control-message.ts';
import type { Entry, EntryId } from '../entry.ts';
import { BLOCK_BYTES, MAX_CONTROL_BYTES } from '../limits.ts';
import { Manifest } from '../manifest.ts';
import { Receiver } from '../receiver.ts';
import { Sender, type SenderTask } from '../sender.ts';
import { SeededRandom } from './seeded-random.ts';
import { type Side, type SimulatedLane, SimulatedLanes } from './simulated-lanes.ts';
import { expectThat, leafOf, TransferBooks } from './transfer-books.ts';

/** What one simulated transfer consists of. Chances are in percent of the times at which the thing could happen. */
export interface Scenario {
  /** Decides every interleaving. */
  readonly seed: number;
  /** Sizes of the files offered, null for a folder. */
  readonly sizes: readonly (number | null)[];
  /** Which of them are chosen, in this order. */
  readonly chosen: readonly EntryId[];
  readonly creditBytes: number;
  readonly lanes: number;
  readonly laneDeaths: number;
  readonly sourceChanges: number;
  /** Whether a read, not only the confirmation at the end, notices that the file changed. */
  readonly readsNoticeChanges: boolean;
  readonly damageChance: number;
  readonly readFailureChance: number;
  readonly sinkFailureChance: number;
}

/** A block on its way. Its first frame arrives, then its last: the lane may die in between. */
interface Copy {
  readonly block: BlockRef;
  readonly version: number;
  readonly leaf: Uint8Array;
  readonly damaged: boolean;
  begun: boolean;
}

type Lane = SimulatedLane<Copy>;

/** More blocks than this are not put on one lane ahead of time. */
const READ_AHEAD_BLOCKS = 8;

/**
 * A sender and a receiver, each with a driver as `transport/` has one, over lanes that die and come, a source that
 * changes and fails, and a sink that fails. Every order of events that the drivers' contracts allow may be drawn.
 * `run` throws where something that must always hold does not.
 */
export class SimulatedTransfer {
  readonly #scenario: Scenario;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #random: SeededRandom;
  readonly #lanes: SimulatedLanes<Copy>;
  readonly #books: TransferBooks;
  /** Offered and never chosen: what is left of the credit at the end is measured with it. */
  readonly #probe: EntryId;
  #deathsLeft: number;
  #changesLeft: number;

  readonly #versions = new Map<EntryId, number>();
  readonly #tasks: { task: SenderTask; lane: string }[] = [];
  /** Lanes for which the sender may have something to do. */
  readonly #awake = new Set<Lane>();

  readonly #arrived: Copy[] = [];
  readonly #writes: Copy[] = [];
  readonly #commits: EntryId[] = [];
  readonly #committed = new Set<EntryId>();
  #receiverStirred = false;
  #chose = false;
  #completed = false;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#random = new SeededRandom(scenario.seed);
    this.#deathsLeft = scenario.laneDeaths;
    this.#changesLeft = scenario.sourceChanges;
    const entries = [...scenario.sizes, BLOCK_BYTES].map(
      (sizeBytes, id): Entry =>
        sizeBytes === null
          ? { kind: 'folder', path: `folder ${id}` }
          : { kind: 'file', path: `file ${id}`, sizeBytes },
    );
    this.#probe = entries.length - 1;
    this.#books = new TransferBooks(entries, scenario.creditBytes);
    this.#lanes = new SimulatedLanes(this.#random);
    this.#sender = new Sender(new Manifest(entries), (message) => {
      this.#books.senderSays(message);
      this.#say('sender', message);
    });
    this.#receiver = new Receiver((message) => this.#say('receiver', message));
    for (let i = 0; i < scenario.lanes; i += 1) this.#openLane();
  }

  /** Runs until nothing is left to happen. @returns how many steps it took */
  run(): number {
    const bound = this.#stepBound();
    let steps = 0;
    for (let act = this.#draw(); act; act = this.#draw()) {
      act();
      steps += 1;
      expectThat(steps <= bound, 'it does not come to an end');
    }
    this.#judge();
    return steps;
  }

  /** Far above what is needed, far below what a loop without end takes. */
  #stepBound(): number {
    const { chosen, sizes, laneDeaths, creditBytes } = this.#scenario;
    const blocks = chosen.reduce((sum, id) => sum + blockCount(sizes[id] ?? 0), 0);
    const lostWithLane = Math.min(blocks, creditBytes / 4096) + 10;
    return 200 * (blocks + sizes.length + 10 + laneDeaths * lostWithLane);
  }

  /** What happens next, or null when nothing can. */
  #draw(): (() => void) | null {
    const possible: (() => void)[] = [];
    for (const lane of this.#lanes.all) this.#collect(lane, possible);
    if (this.#tasks.length > 0) possible.push(() => this.#finishTask());
    if (this.#arrived.length > 0) possible.push(() => this.#verify());
    if (this.#writes.length > 0) possible.push(() => this.#write());
    if (this.#commits.length > 0) possible.push(() => this.#commit());
    if (this.#receiverStirred) possible.push(() => this.#flushReceiver());
    if (this.#receiver.offer && !this.#chose) possible.push(() => this.#choose());
    if (this.#mayComplete()) possible.push(() => this.#complete());
    const living = this.#lanes.living;
    if (living.length === 0 || (living.length < 4 && possible.length > 0 && this.#random.chance(1)))
      possible.push(() => this.#openLane());
    if (possible.length === 0) return null;
    if (living.length > 0 && this.#deathsLeft > 0 && this.#random.chance(5))
      return () => this.#killOne(living);
    if (this.#changesLeft > 0 && this.#random.chance(5)) return () => this.#changeSource();
    return this.#random.oneOf(possible);
  }

  #collect(lane: Lane, possible: (() => void)[]): void {
    const { sender, receiver } = lane.inbox;
    if (!lane.dead && receiver.length > 0) possible.push(() => this.#deliverToReceiver(lane));
    if (!lane.dead && sender.length > 0) possible.push(() => this.#deliverToSender(lane));
    if (lane.dead && !lane.knownDead.sender) possible.push(() => this.#senderLosesLane(lane));
    if (lane.dead && !lane.knownDead.receiver) possible.push(() => this.#lanes.lose(lane, 'receiver'));
    if (this.#awake.has(lane) && receiver.length < READ_AHEAD_BLOCKS) possible.push(() => this.#work(lane));
  }

  #say(side: Side, message: ControlMessage): void {
    const body = encodeControlMessage(message);
    expectThat(body.length <= MAX_CONTROL_BYTES, 'a control message above its bound');
    this.#lanes.say(side, body);
  }

  #openLane(): void {
    this.#lanes.open();
    this.#wakeSender();
  }

  #killOne(living: readonly Lane[]): void {
    this.#deathsLeft -= 1;
    this.#random.oneOf(living).dead = true;
  }

  // The sender's driver

  #senderLosesLane(lane: Lane): void {
    this.#awake.delete(lane);
    this.#books.senderLosesLane(lane.id);
    this.#sender.laneLost(lane.id);
    this.#lanes.lose(lane, 'sender');
    this.#wakeSender();
  }

  #deliverToSender(lane: Lane): void {
    for (const body of this.#lanes.hear(lane, 'sender')) {
      const message = decodeReceiverMessage(body);
      this.#books.senderHears(message);
      this.#sender.hear(message);
      this.#wakeSender();
    }
  }

  #wakeSender(): void {
    for (const lane of this.#lanes.believed('sender')) this.#awake.add(lane);
  }

  #work(lane: Lane): void {
    const task = this.#sender.take(lane.id);
    if (!task) {
      this.#awake.delete(lane);
      this.#sender.flush();
      return;
    }
    if (task.type !== 'confirm')
      expectThat(task.lengthBytes === this.#books.lengthOf(task.block), 'a wrong length');
    if (task.type === 'send') this.#books.senderTakes(task.block, lane.id);
    this.#tasks.push({ task, lane: lane.id });
  }

  #finishTask(): void {
    const { task, lane: laneId } = this.#random.takeOne(this.#tasks);
    this.#wakeSender();
    const lane = this.#lanes.believed('sender').find(({ id }) => id === laneId);
    // A driver may drop what it read for a lane that is gone: the block is sent again anyway.
    if (task.type === 'send' && !lane && this.#random.chance(50)) return;
    const entry = task.type === 'confirm' ? task.entry : task.block.entry;
    const version = this.#versions.get(entry) ?? 0;
    if (version > 0 && (task.type === 'confirm' || this.#scenario.readsNoticeChanges)) {
      this.#sender.fail(entry, 'source-changed');
    } else if (this.#random.chance(this.#scenario.readFailureChance)) {
      this.#sender.fail(entry, 'source-unreadable');
    } else if (task.type === 'confirm') {
      this.#sender.confirmed(entry);
    } else {
      const leaf = leafOf(task.block, version);
      this.#sender.hashed(task.block, leaf);
      if (task.type === 'send') this.#send(lane, task.block, version, leaf);
    }
    if (this.#sender.failed.has(entry)) this.#books.senderGaveUp(entry);
  }

  #send(lane: Lane | undefined, block: BlockRef, version: number, leaf: Uint8Array): void {
    const damaged = this.#random.chance(this.#scenario.damageChance);
    lane?.inbox.receiver.push({ block, version, leaf, damaged, begun: false });
  }

  #changeSource(): void {
    this.#changesLeft -= 1;
    const { chosen } = this.#scenario;
    if (chosen.length === 0) return;
    const entry = this.#random.oneOf(chosen);
    this.#versions.set(entry, (this.#versions.get(entry) ?? 0) + 1);
  }

  // The receiver's driver

  #deliverToReceiver(lane: Lane): void {
    const head = lane.inbox.receiver[0] as Uint8Array | Copy;
    if (head instanceof Uint8Array) {
      for (const body of this.#lanes.hear(lane, 'receiver')) this.#receiver.hear(decodeSenderMessage(body));
      this.#stirReceiver();
    } else if (head.begun) {
      lane.inbox.receiver.shift();
      this.#arrived.push(head);
    } else {
      head.begun = true;
      const expected = this.#receiver.expectedLength(head.block);
      expectThat(expected === this.#books.lengthOf(head.block), 'a wrong length expected');
    }
  }

  #stirReceiver(): void {
    this.#receiverStirred = true;
    this.#commits.push(...this.#receiver.takeCommittable().map(({ entry }) => entry));
  }

  #choose(): void {
    this.#chose = true;
    this.#receiver.choose(this.#scenario.chosen, { creditBytes: this.#scenario.creditBytes });
    this.#stirReceiver();
  }

  #verify(): void {
    const copy = this.#random.takeOne(this.#arrived);
    if (copy.damaged) {
      this.#receiver.mismatched(copy.block);
    } else if (this.#receiver.verified(copy.block, copy.leaf)) {
      const { damageChance, readFailureChance, sinkFailureChance, sourceChanges } = this.#scenario;
      const allGoesWell = damageChance + readFailureChance + sinkFailureChance + sourceChanges === 0;
      this.#books.receiverHolds(copy.block, allGoesWell);
      this.#writes.push(copy);
    }
    this.#stirReceiver();
  }

  #write(): void {
    const { block, version } = this.#random.takeOne(this.#writes);
    const fails = this.#random.chance(this.#scenario.sinkFailureChance);
    this.#books.receiverWrote(block, fails ? null : version);
    if (fails) this.#receiver.fail(block.entry, 'sink-failed');
    else this.#receiver.written(block);
    this.#stirReceiver();
  }

  #commit(): void {
    const entry = this.#random.takeOne(this.#commits);
    expectThat(!this.#committed.has(entry) && !this.#receiver.failed.has(entry), 'a settled file to commit');
    if (this.#random.chance(this.#scenario.sinkFailureChance)) {
      this.#receiver.fail(entry, 'sink-failed');
    } else {
      this.#committed.add(entry);
      this.#receiver.committed(entry);
    }
    this.#stirReceiver();
  }

  #flushReceiver(): void {
    this.#receiverStirred = false;
    this.#receiver.flush();
  }

  #mayComplete(): boolean {
    const busy = this.#arrived.length + this.#writes.length + this.#commits.length;
    return this.#receiver.settled && busy === 0 && !this.#receiverStirred && !this.#completed;
  }

  #complete(): void {
    this.#completed = true;
    this.#receiver.complete();
  }

  // The end

  #judge(): void {
    expectThat(this.#receiver.settled, 'it stopped with files open');
    expectThat(this.#sender.completed, 'the sender never heard that all is complete');
    expectThat(this.#receiver.takeCommittable().length === 0, 'a file left to commit');
    expectThat(this.#receiver.filesDone === this.#committed.size, 'files done are not the files committed');
    for (const entry of this.#scenario.chosen) {
      if (this.#scenario.sizes[entry] === null) continue;
      const failure = this.#receiver.failed.get(entry);
      const committed = this.#committed.has(entry);
      expectThat((failure === undefined) === committed, 'a file neither or both committed and failed');
      if (committed) this.#books.judgeCommitted(entry);
      else expectThat(this.#sender.failed.has(entry), 'a file failed and the sender does not know');
      expectThat(failure !== 'damaged' || this.#scenario.damageChance > 0, 'damage where there was none');
    }
    this.#judgeCredit();
  }

  /** The least credit there is pays for a whole block only if not a byte of it is still taken. */
  #judgeCredit(): void {
    this.#sender.hear({ type: 'credit', bytes: BLOCK_BYTES });
    this.#sender.hear({ type: 'request', ranges: [[this.#probe, 0, 1]], roots: [] });
    const task = this.#sender.take('probe');
    const isProbe = task?.type === 'send' && task.block.entry === this.#probe;
    expectThat(isProbe, 'credit or tasks left over at the end');
  }
}
