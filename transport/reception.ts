import { ProtocolViolation, TransferError } from '#protocol/errors.ts';
import { readHeader } from '#protocol/handshake/envelope.ts';
import type { GuessLimit } from '#protocol/handshake/guess-limit.ts';
import { inspectHello } from '#protocol/handshake/hello.ts';
import type { OwnerKey } from '#protocol/handshake/owner-key.ts';
import { type RefusalCode, refuse } from '#protocol/handshake/refusal.ts';
import type { Secret } from '#protocol/handshake/secret.ts';
import { asTransferError } from './as-transfer-error.ts';
import { MAX_HANDSHAKES } from './limits.ts';
import type { Platform } from './platform.ts';
import type { Room } from './room.ts';
import { SenderRun } from './sender-run.ts';

export interface ReceptionOptions {
  readonly secret: Secret;
  readonly owner: OwnerKey;
  readonly platform: Platform;
  readonly iceServers: RTCIceServer[];
  readonly room: Room;
  /** Present for a code, whose words could be guessed; a link's 128 bits cannot. */
  readonly guesses?: GuessLimit;
  /** Whether another receiver can be served. */
  readonly hasPlace: () => boolean;
  /** A receiver has shown that it knows the secret: its lane is being made. */
  readonly onReceiver: (run: SenderRun) => void;
  /** A run ended without a receiver; with a code, a guess has been spent. */
  readonly onTurnedAway?: (why: TransferError) => void;
}

/** The sender at the door of one room: answers every hello with a run of its own, within the limits. */
export class Reception {
  readonly #options: ReceptionOptions;
  /** The latest run of each member; an older one goes on by itself if it has become a session. */
  readonly #runs = new Map<string, SenderRun>();
  #said: Promise<void> = Promise.resolve();
  /** Members for whom something waits to be relayed. */
  readonly #answering = new Set<string>();

  constructor(options: ReceptionOptions) {
    this.#options = options;
  }

  /** Settles when the last message has been handed to the server: a room that is left before takes it along. */
  get said(): Promise<void> {
    return this.#said;
  }

  /** Takes in what the server says comes from a member. What makes no sense is dropped: it may be the server's own. */
  hear(member: string, message: Uint8Array): void {
    try {
      if (readHeader(message).type === 'hello') this.#answer(member, message);
      else void this.#runs.get(member)?.hear(message);
    } catch (error) {
      if (!(error instanceof ProtocolViolation) && !(error instanceof TransferError)) throw error;
    }
  }

  memberLeft(member: string): void {
    const run = this.#runs.get(member);
    if (run && !run.secured) this.#end(member, run, 'the receiver left the room');
  }

  /** Turns everyone away who is just coming in, and tells those who are proven. */
  close(): void {
    for (const run of this.#runs.values()) run.end(new TransferError('cancelled'));
  }

  #end(member: string, run: SenderRun, why: string): void {
    this.#options.guesses?.abandon(run.id);
    this.#runs.delete(member);
    run.end(new TransferError('connection-lost', why));
  }

  #answer(member: string, hello: Uint8Array): void {
    const { run, version } = inspectHello(hello);
    // Neither arithmetic nor answers gather for a member that floods.
    if (this.#answering.has(member)) return;
    const relay = (message: Uint8Array<ArrayBuffer>) => {
      this.#answering.add(member);
      this.#said = this.#options.room
        .relay(member, message)
        .catch(() => {})
        .finally(() => this.#answering.delete(member));
    };
    const earlier = this.#runs.get(member);
    // Said twice by the server: the run goes on.
    if (earlier?.id === run) return;
    // One that is proven goes on by itself: a hello is nobody's word.
    if (earlier && !earlier.secured) this.#end(member, earlier, 'the receiver began anew');
    const refusal = this.#refusal(run, version);
    if (refusal) {
      relay(refuse(hello, refusal));
      return;
    }
    const { secret, owner, platform, iceServers, guesses } = this.#options;
    let senderRun: SenderRun;
    try {
      senderRun = new SenderRun(hello, secret, owner, platform, iceServers, relay);
    } catch (error) {
      relay(refuse(hello, 'failed'));
      this.#turnAway(run, error);
      return;
    }
    this.#runs.set(member, senderRun);
    senderRun.proven.then(
      () => {
        guesses?.succeed(run);
        this.#options.onReceiver(senderRun);
      },
      (error: unknown) => this.#turnAway(run, error),
    );
    const forget = () => {
      if (this.#runs.get(member) === senderRun) this.#runs.delete(member);
    };
    senderRun.meeting.then(forget, forget);
  }

  #turnAway(run: string, error: unknown): void {
    this.#options.guesses?.abandon(run);
    this.#options.onTurnedAway?.(asTransferError(error));
  }

  #refusal(run: string, version: number | null): RefusalCode | null {
    // Answered before a guess is spent: an old build is no guesser.
    if (version === null) return 'version-mismatch';
    const unproven = [...this.#runs.values()].filter(({ secured }) => !secured).length;
    if (unproven >= MAX_HANDSHAKES || !this.#options.hasPlace()) return 'busy';
    const admission = this.#options.guesses?.admit(run) ?? 'admitted';
    return admission === 'admitted' ? null : admission;
  }
}
