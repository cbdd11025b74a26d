import { type BlockRef, blockCount } from '../block.ts';
import { type ArrivedBlock, BlockAssembly } from '../block-assembly.ts';
import {
  type ControlMessage,
  decodeReceiverMessage,
  decodeSenderMessage,
  encodeControlMessage,
} from '../control-message.ts';
import type { Entry, EntryId } from '../entry.ts';
import { type FrameMessage, FramesInTransit } from '../frames-in-transit.ts';
import { decodeLaneMessage, type Frame } from '../lane-message.ts';
import { equalBytes } from '../leaf-tree.ts';
import { BLOCK_BYTES, MAX_CONTROL_BYTES } from '../limits.ts';
import { Manifest } from '../manifest.ts';
import { Receiver } from '../receiver.ts';
import { Sender, type SenderTask } from '../sender.ts';
import { allGoesWell, type Scenario } from './scenario.ts';
import type { SeededRandom } from './seeded-random.ts';
import { cutBlock, damagedFrame, travellingLength, unfoldFrame, versionOf } from './simulated-blocks.ts';
import { SessionIds, type SimulatedFiles } from './simulated-files.ts';
import { type Side, type SimulatedLane, SimulatedLanes } from './simulated-lanes.ts';
import { SimulatedPersons } from './simulated-persons.ts';
import { expectThat, keyOf, leafOf, TransferBooks } from './transfer-books.ts';

/** A verified block, of some version. */
interface Write {
  readonly block: BlockRef;
  readonly version: number;
}

/** More blocks than this are not read ahead of what leaves, and no more frames put on a lane ahead of what arrives. */
const READ_AHEAD = 8;

/**
 * A sender and a receiver, each with a driver as `transport/` has one, over lanes that die, stall and come, a source that
 * changes and fails, and a sink that fails. Every order of events that the drivers' contracts allow may be drawn.
 * One session of a delivery: what the files, their journal and the disk have outlives it. `run` throws where something
 * that must always hold does not.
 */
export class SimulatedSession {
  readonly #scenario: Scenario;
  readonly #files: SimulatedFiles;
  readonly #ids: SessionIds;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #random: SeededRandom;
  readonly #lanes: SimulatedLanes;
  readonly #books: TransferBooks;
  /** Offered and never chosen: what is left of the credit at the end is measured with it. */
  readonly #probe: EntryId;
  #deathsLeft: number;
  #stallsLeft: number;
  #changesLeft: number;
  #cancelsLeft: number;
  readonly #persons: SimulatedPersons;
  /** How often each file had changed when it was offered. */
  readonly #offered = new Map<EntryId, number>();
  /** Held from earlier sessions, and not yet read again. */
  readonly #rechecks: BlockRef[] = [];
  /** Of these something is held that is no longer the sender's. */
  readonly #stale = new Set<EntryId>();
  readonly #changed = new Set<EntryId>();
  readonly #tasks: SenderTask[] = [];
  /** Whether the sender may have something to do. */
  #awake = true;
  /** Cut, and not on any lane yet: they leave in any order, after those that have left before. */
  readonly #outgoing: FrameMessage[] = [];
  readonly #again: FrameMessage[] = [];
  readonly #transit = new FramesInTransit();
  /** Lanes that stall, and whose frames leave on others too. */
  readonly #doubled = new Set<string>();

  readonly #assembly = new BlockAssembly(
    (block) => this.#expectBlock(block),
    (block) => this.#receiver.copied(block),
  );
  readonly #arrived: ArrivedBlock[] = [];
  readonly #writes: Write[] = [];
  readonly #commits: EntryId[] = [];
  #receiverStirred = false;
  #chose = false;
  #completed = false;

  /** @param order the files in the order in which this session's sender offers them */
  constructor(
    scenario: Scenario,
    files: SimulatedFiles,
    order: readonly number[],
    random: SeededRandom,
    previous: SimulatedSession | null,
  ) {
    this.#scenario = scenario;
    this.#files = files;
    this.#random = random;
    this.#deathsLeft = scenario.laneDeaths;
    this.#stallsLeft = scenario.laneStalls;
    this.#changesLeft = previous ? previous.#changesLeft : scenario.sourceChanges;
    this.#cancelsLeft = previous ? previous.#cancelsLeft : scenario.cancels;
    this.#probe = order.length;
    this.#ids = new SessionIds([...order, order.length]);
    const entries = [...order.map((file) => files.sizes[file] ?? null), BLOCK_BYTES].map(
      (sizeBytes, id): Entry =>
        sizeBytes === null
          ? { kind: 'folder', path: `folder ${id}` }
          : { kind: 'file', path: `file ${id}`, sizeBytes },
    );
    this.#books = new TransferBooks(entries, scenario.creditBytes, this.#lookAtDisk());
    this.#lanes = new SimulatedLanes(this.#random);
    this.#sender = new Sender(new Manifest(entries), (message) => {
      this.#books.senderSays(message);
      this.#say('sender', message);
    });
    this.#receiver = new Receiver((message) => this.#say('receiver', message));
    this.#persons = new SimulatedPersons(
      this.#sender,
      this.#receiver,
      previous?.pausesLeft ?? scenario.pauses,
      random,
    );
    for (let i = 0; i < scenario.lanes; i += 1) this.#openLane();
  }

  get pausesLeft(): number {
    return this.#persons.pausesLeft;
  }

  /** What the delivery still lacks. */
  get #wanted(): number[] {
    const { committed, failed, sizes } = this.#files;
    return this.#scenario.chosen.filter(
      (file) => sizes[file] !== null && !committed.has(file) && !failed.has(file),
    );
  }

  /** Notes what is offered, and what is held of it. @returns keys of the blocks held just as they are offered */
  #lookAtDisk(): Set<string> {
    const heldWhole = new Set<string>();
    for (const file of this.#wanted) {
      const entry = this.#ids.idOf(file);
      this.#offered.set(entry, this.#files.changesOf(file));
      for (const index of this.#files.held(file)) {
        const block = { entry, index };
        this.#rechecks.push(block);
        const version = this.#files.recheck({ entry: file, index });
        if (version === this.#files.versionOf({ entry: file, index })) heldWhole.add(keyOf(block));
        else if (version !== null) this.#stale.add(entry);
      }
    }
    return heldWhole;
  }

  /**
   * Runs until nothing is left to happen, or until the session dies.
   * @param lifeSteps after how many steps it dies
   * @returns how many steps it took, or null where it died
   */
  run(lifeSteps: number): number | null {
    const bound = this.#stepBound();
    let steps = 0;
    for (let act = this.#draw(); act; act = this.#draw()) {
      if (steps === lifeSteps) {
        this.#die();
        return null;
      }
      act();
      steps += 1;
      expectThat(steps <= bound, 'it does not come to an end');
      this.#judgeProgress();
    }
    this.#judge();
    return steps;
  }

  /** Far above what is needed, far below what a loop without end takes. */
  #stepBound(): number {
    const { chosen, sizes, laneDeaths, laneStalls, creditBytes, pauses, cancels } = this.#scenario;
    const blocks = chosen.reduce((sum, file) => sum + blockCount(sizes[file] ?? 0), 0);
    const lostWithLane = Math.min(blocks, creditBytes / 4096) + 10;
    const lanes = laneDeaths + laneStalls;
    return 200 * (pauses + cancels + blocks + sizes.length + 10 + lanes * lostWithLane);
  }

  /** What happens next, or null when nothing can. */
  #draw(): (() => void) | null {
    const possible: (() => void)[] = [];
    for (const lane of this.#lanes.all) this.#collect(lane, possible);
    if (this.#awake && this.#tasks.length + this.#outgoing.length < READ_AHEAD)
      possible.push(() => this.#work());
    if (this.#tasks.length > 0) possible.push(() => this.#finishTask());
    if (this.#arrived.length > 0) possible.push(() => this.#verify());
    if (this.#writes.length > 0) possible.push(() => this.#write());
    if (this.#commits.length > 0) possible.push(() => this.#commit());
    if (this.#receiverStirred) possible.push(() => this.#flushReceiver());
    if (this.#receiver.offer && !this.#chose) possible.push(() => this.#choose());
    if (this.#chose && this.#rechecks.length > 0) possible.push(() => this.#recheck());
    if (this.#persons.areHolding) possible.push(() => this.#goOn());
    if (this.#mayComplete()) possible.push(() => this.#complete());
    const living = this.#lanes.living;
    const stalled = living.filter((lane) => lane.stalled);
    if (stalled.length > 0 && (possible.length === 0 || this.#random.chance(2)))
      return () => this.#goOnDelivering(this.#random.oneOf(stalled));
    if (living.length === 0 || (living.length < 4 && possible.length > 0 && this.#random.chance(1)))
      possible.push(() => this.#openLane());
    if (possible.length === 0) return null;
    if (living.length > 0 && this.#deathsLeft > 0 && this.#random.chance(5))
      return () => this.#killOne(living);
    if (living.length > 0 && this.#stallsLeft > 0 && this.#random.chance(5))
      return () => this.#stallOne(living);
    if (this.#changesLeft > 0 && this.#random.chance(5)) return () => this.#changeSource();
    if (this.#cancelsLeft > 0 && this.#random.chance(5)) return () => this.#cancel();
    if (this.pausesLeft > 0 && this.#random.chance(20))
      return () => this.#persons.pause(this.#wanted.map((file) => this.#ids.idOf(file)));
    return this.#random.oneOf(possible);
  }

  #collect(lane: SimulatedLane, possible: (() => void)[]): void {
    const { sender, receiver } = lane.inbox;
    const { dead, stalled, knownDead } = lane;
    if (!dead && !stalled && receiver.length > 0) possible.push(() => this.#deliverToReceiver(lane));
    if (!dead && !stalled && sender.length > 0) possible.push(() => this.#deliverToSender(lane));
    if (!knownDead.receiver && lane.frameBytes > lane.reportedBytes)
      possible.push(() => this.#lanes.report(lane));
    if (dead && !knownDead.sender) possible.push(() => this.#senderLosesLane(lane));
    if (dead && !knownDead.receiver) possible.push(() => this.#lanes.lose(lane, 'receiver'));
    if (knownDead.sender) return;
    if (stalled && !this.#doubled.has(lane.id) && this.#transit.on(lane.id).length > 0)
      possible.push(() => this.#sendElsewhereToo(lane));
    if (this.#again.length + this.#outgoing.length > 0 && receiver.length < READ_AHEAD)
      possible.push(() => this.#sendFrame(lane));
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

  #killOne(living: readonly SimulatedLane[]): void {
    this.#deathsLeft -= 1;
    this.#random.oneOf(living).dead = true;
  }

  #stallOne(living: readonly SimulatedLane[]): void {
    this.#stallsLeft -= 1;
    this.#random.oneOf(living).stalled = true;
  }

  #goOnDelivering(lane: SimulatedLane): void {
    lane.stalled = false;
  }

  // The sender's driver

  #senderLosesLane(lane: SimulatedLane): void {
    this.#again.push(...this.#transit.lose(lane.id));
    this.#lanes.lose(lane, 'sender');
    this.#wakeSender();
  }

  #sendElsewhereToo(lane: SimulatedLane): void {
    this.#doubled.add(lane.id);
    this.#again.push(...this.#transit.double(lane.id));
  }

  #deliverToSender(lane: SimulatedLane): void {
    const heard = this.#lanes.hear(lane, 'sender');
    if (heard.kind === 'receipt') {
      this.#transit.arrived(lane.id, heard.bytes);
      this.#doubled.delete(lane.id);
    }
    if (heard.kind !== 'bodies') return;
    for (const body of heard.bodies) {
      const message = decodeReceiverMessage(body);
      this.#books.senderHears(message);
      this.#sender.hear(message);
      this.#persons.senderHeard(message);
      this.#wakeSender();
    }
  }

  #wakeSender(): void {
    this.#awake = true;
  }

  #work(): void {
    const task = this.#sender.take();
    if (!task) {
      this.#awake = false;
      this.#sender.flush();
      return;
    }
    const entry = task.type === 'confirm' ? task.entry : task.block.entry;
    expectThat(!this.#persons.holdUp(entry), 'a task while paused');
    if (task.type !== 'confirm')
      expectThat(task.lengthBytes === this.#books.lengthOf(task.block), 'a wrong length');
    if (task.type === 'send') this.#books.senderTakes(task.block);
    this.#tasks.push(task);
  }

  #finishTask(): void {
    const task = this.#random.takeOne(this.#tasks);
    this.#wakeSender();
    const entry = task.type === 'confirm' ? task.entry : task.block.entry;
    const hasChanged = this.#files.changesOf(this.#ids.fileOf(entry)) !== this.#offered.get(entry);
    if (hasChanged && (task.type === 'confirm' || this.#scenario.readsNoticeChanges)) {
      this.#sender.fail(entry, 'source-changed');
    } else if (this.#random.chance(this.#scenario.readFailureChance)) {
      this.#sender.fail(entry, 'source-unreadable');
    } else if (task.type === 'confirm') {
      this.#sender.confirmed(entry);
    } else {
      const block = this.#ids.blockOf(task.block);
      const version = this.#files.versionOf(block);
      const leaf = leafOf(block, version);
      this.#sender.hashed(task.block, leaf);
      if (task.type === 'send')
        this.#outgoing.push(...cutBlock(task.block, task.lengthBytes, version, leaf, this.#random));
    }
    if (this.#sender.failed.has(entry)) this.#books.senderGaveUp(entry);
  }

  #sendFrame(lane: SimulatedLane): void {
    const message = this.#again.shift() ?? this.#random.takeOne(this.#outgoing);
    this.#transit.sent(lane.id, message);
    const frame = decodeLaneMessage(message) as Frame;
    // Once for each copy of a block.
    const isDamaged = frame.leaf !== null && this.#random.chance(this.#scenario.damageChance);
    lane.inbox.receiver.push(isDamaged ? damagedFrame(frame) : message);
  }

  #changeSource(): void {
    this.#changesLeft -= 1;
    const { chosen } = this.#scenario;
    if (chosen.length === 0) return;
    const file = this.#random.oneOf(chosen);
    if (this.#files.sizes[file] !== null) this.#files.change(file);
  }

  // The receiver's driver

  #deliverToReceiver(lane: SimulatedLane): void {
    const heard = this.#lanes.hear(lane, 'receiver');
    if (heard.kind === 'bodies')
      for (const body of heard.bodies) this.#receiver.hear(decodeSenderMessage(body));
    if (heard.kind === 'frame') this.#addFrame(heard);
    this.#stirReceiver();
  }

  #addFrame(frame: Frame): void {
    const index = Math.floor(frame.offset / BLOCK_BYTES);
    const lengthBytes = this.#books.lengthOf({ entry: frame.entry, index });
    const block = this.#assembly.add(unfoldFrame(frame, lengthBytes));
    if (!block) return;
    this.#receiver.arrived(block);
    this.#arrived.push(block);
  }

  /** The first frame of a block, or one that comes after its last. */
  #expectBlock(block: BlockRef): number | null {
    const lengthBytes = this.#receiver.expectedLength(block);
    if (lengthBytes === null) return null;
    expectThat(lengthBytes === this.#books.lengthOf(block), 'a wrong length expected');
    this.#books.receiverBegins(block, allGoesWell(this.#scenario));
    return travellingLength(lengthBytes);
  }

  #stirReceiver(): void {
    this.#receiverStirred = true;
    for (const { entry, root } of this.#receiver.takeCommittable()) {
      this.#books.judgeCommitted(entry, root);
      this.#commits.push(entry);
    }
    for (const entry of this.#receiver.takeGivenUp()) {
      this.#assembly.drop(entry);
      this.#files.discard(this.#ids.fileOf(entry));
    }
    for (const [entry] of this.#receiver.takeFailed()) {
      if (this.#chose) this.#files.failed.add(this.#ids.fileOf(entry));
    }
    for (const entry of this.#receiver.takeChanged()) this.#changed.add(entry);
  }

  #choose(): void {
    this.#chose = true;
    const { chosen, creditBytes } = this.#scenario;
    const { committed, failed } = this.#files;
    const ids = chosen.filter((file) => !committed.has(file) && !failed.has(file));
    const held = new Map<EntryId, number[]>();
    for (const { entry } of this.#rechecks) held.set(entry, []);
    for (const { entry, index } of this.#rechecks) held.get(entry)?.push(index);
    const settled = { files: committed.size, bytes: this.#files.bytesOf(committed) };
    this.#receiver.choose(
      ids.map((file) => this.#ids.idOf(file)),
      { held, settled, creditBytes },
    );
    this.#stirReceiver();
  }

  #recheck(): void {
    const block = this.#random.takeOne(this.#rechecks);
    const version = this.#files.recheck(this.#ids.blockOf(block));
    if (version === null) this.#receiver.lost(block);
    else this.#receiver.kept(block, leafOf(this.#ids.blockOf(block), version));
    this.#stirReceiver();
  }

  #cancel(): void {
    this.#cancelsLeft -= 1;
    const files = this.#scenario.chosen.filter((file) => this.#files.sizes[file] !== null);
    if (files.length === 0) return;
    const file = this.#random.oneOf(files);
    const entry = this.#ids.idOf(file);
    if (this.#chose && this.#random.chance(50)) {
      if (!this.#files.committed.has(file)) this.#receiver.cancel(entry);
      this.#stirReceiver();
    } else {
      this.#sender.cancel(entry);
      this.#books.senderGaveUp(entry);
      this.#wakeSender();
    }
  }

  #goOn(): void {
    this.#persons.goOn();
    this.#wakeSender();
  }

  /** Nothing more is heard or said. What was being written, or committed, may have been so far as to be there. */
  #die(): void {
    for (const { block, version } of this.#writes) {
      const file = this.#ids.fileOf(block.entry);
      if (!this.#files.failed.has(file) && this.#random.chance(50))
        this.#files.write(this.#ids.blockOf(block), version);
    }
    for (const entry of this.#commits) {
      if (!this.#receiver.failed.has(entry) && this.#random.chance(50))
        this.#files.committed.add(this.#ids.fileOf(entry));
    }
  }

  #verify(): void {
    const block = this.#random.takeOne(this.#arrived);
    const version = versionOf(block);
    const matches = version !== null && equalBytes(block.leaf, leafOf(this.#ids.blockOf(block), version));
    if (matches && this.#receiver.verified(block, block.leaf)) {
      this.#books.receiverKeeps(block);
      this.#writes.push({ block, version });
    } else {
      this.#books.receiverLetsGo(block);
      if (!matches) this.#receiver.mismatched(block);
    }
    this.#stirReceiver();
  }

  #write(): void {
    const { block, version } = this.#random.takeOne(this.#writes);
    const fails = this.#random.chance(this.#scenario.sinkFailureChance);
    const isOpen = !this.#receiver.failed.has(block.entry);
    this.#books.receiverWrote(block);
    if (!fails && isOpen) this.#files.write(this.#ids.blockOf(block), version);
    if (fails) this.#receiver.fail(block.entry, 'sink-failed');
    else this.#receiver.written(block);
    this.#stirReceiver();
  }

  #commit(): void {
    const entry = this.#random.takeOne(this.#commits);
    const file = this.#ids.fileOf(entry);
    const isOpen = !this.#files.committed.has(file) && !this.#receiver.failed.has(entry);
    expectThat(isOpen, 'a settled file to commit');
    this.#books.judgeCommitted(entry, this.#files.rootOf(file, 'disk'));
    expectThat(this.#changed.has(entry) === this.#stale.has(entry), 'a change missed or made up');
    if (this.#random.chance(this.#scenario.sinkFailureChance)) {
      this.#receiver.fail(entry, 'sink-failed');
    } else {
      this.#files.committed.add(file);
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
    const { committed, failed, sizes } = this.#files;
    expectThat(this.#receiver.settled, 'it stopped with files open');
    expectThat(this.#sender.completed, 'the sender never heard that all is complete');
    expectThat(this.#receiver.takeCommittable().length === 0, 'a file left to commit');
    expectThat(this.#assembly.openBytes === 0, 'blocks left open');
    const inTransit = this.#lanes.all.flatMap(({ id }) => this.#transit.on(id));
    expectThat(inTransit.length === 0, 'frames arrived and not known to have');
    expectThat(this.#receiver.filesDone === committed.size, 'files done are not the files committed');
    for (const file of this.#scenario.chosen) {
      if (sizes[file] === null) continue;
      expectThat(failed.has(file) !== committed.has(file), 'a file neither or both committed and failed');
      const failure = this.#receiver.failed.get(this.#ids.idOf(file));
      expectThat(failure === undefined || failed.has(file), 'a failure that was not told');
      if (failure !== undefined)
        expectThat(
          this.#sender.failed.has(this.#ids.idOf(file)),
          'a file failed and the sender does not know',
        );
      expectThat(failure !== 'damaged' || this.#scenario.damageChance > 0, 'damage where there was none');
    }
    this.#judgeCredit();
  }

  #judgeProgress(): void {
    const most = this.#sender.choice?.totalBytes ?? Number.POSITIVE_INFINITY;
    expectThat(this.#receiver.bytes >= 0 && this.#receiver.bytes <= most, 'more bytes than were chosen');
    expectThat(this.#sender.acknowledgedBytes <= most, 'more acknowledged than was chosen');
  }

  /** The least credit there is pays for a whole block only if not a byte of it is still taken. */
  #judgeCredit(): void {
    this.#sender.hear({ type: 'credit', bytes: BLOCK_BYTES });
    this.#sender.hear({ type: 'request', ranges: [[this.#probe, 0, 1]], roots: [] });
    const task = this.#sender.take();
    const isProbe = task?.type === 'send' && task.block.entry === this.#probe;
    expectThat(isProbe, 'credit or tasks left over at the end');
  }
}
