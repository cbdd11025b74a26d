import { TransferError } from '#protocol/errors.ts';
import { CODE_RANDOM_BYTES, codeSecret, codeWords, formatCode } from '#protocol/handshake/code.ts';
import { GuessLimit } from '#protocol/handshake/guess-limit.ts';
import { MAX_CODES_PER_SHARE } from '#protocol/handshake/limits.ts';
import type { OwnerKey } from '#protocol/handshake/owner-key.ts';
import type { Platform } from './platform.ts';
import { Reception } from './reception.ts';
import type { SlotRoom } from './room.ts';
import type { SenderRun } from './sender-run.ts';
import type { SignalingClient } from './signaling-client.ts';

/**
 * Why a share's code changed. A code serves one receiver (`used`); three wrong guesses burn it (`burnt`); its slot
 * ends with its lifetime or its server (`expired`).
 */
export type CodeChange = 'opened' | 'used' | 'burnt' | 'expired';

export interface CodeDoorOptions {
  readonly signaling: SignalingClient;
  readonly platform: Platform;
  readonly owner: OwnerKey;
  readonly iceServers: RTCIceServer[];
  readonly onCode: (code: string | null, change: CodeChange) => void;
  readonly hasPlace: () => boolean;
  readonly onReceiver: (run: SenderRun) => void;
}

/** A share's door for people with a code: one code at a time, each in a slot of its own. */
export class CodeDoor {
  readonly #options: CodeDoorOptions;
  #room: SlotRoom | null = null;
  #reception: Reception | null = null;
  #burntCodes = 0;
  /** Counts what was opened: of several at once the last stays. */
  #opened = 0;
  #closed = false;

  constructor(options: CodeDoorOptions) {
    this.#options = options;
  }

  /** Opens a code in place of the one before. @throws TransferError when the server gives no slot */
  async open(change: CodeChange): Promise<void> {
    const { signaling, platform, owner, iceServers, hasPlace, onReceiver, onCode } = this.#options;
    this.#opened += 1;
    const turn = this.#opened;
    let reception: Reception | null = null;
    const room = await signaling.openSlot({
      onMember: () => {},
      onMemberLeft: (member) => reception?.memberLeft(member),
      onRelay: (from, payload) => reception?.hear(from, payload),
      onClosed: (code) => {
        if (this.#room !== room) return;
        this.#room = null;
        if (code === 'code-used') void this.#reopen('expired');
        else this.#shut('expired');
      },
    });
    if (this.#closed || turn !== this.#opened) {
      room.leave();
      return;
    }
    // The one before holds until this one stands.
    this.#room?.leave();
    this.#room = room;
    // A code lives in this process alone: whoever starts anew has another code, so its guesses need no other memory.
    const guesses = new GuessLimit();
    const code = { slot: room.slot, words: codeWords(platform.randomBytes(CODE_RANDOM_BYTES)) };
    reception = new Reception({
      secret: codeSecret(code),
      owner,
      platform,
      iceServers,
      room,
      guesses,
      hasPlace,
      onReceiver: (run) => {
        // This slot is given up by itself: what makes the lane still travels in it when a new code is opened meanwhile.
        if (this.#room === room) this.#room = null;
        onCode(null, 'used');
        onReceiver(run);
        const leave = () => room.leave();
        run.meeting.then(leave, leave);
      },
      onTurnedAway: () => {
        // Whoever guessed last is told so before the room closes.
        if (guesses.burnt) void reception?.said.then(() => this.#burn(room));
      },
    });
    this.#reception = reception;
    onCode(formatCode(code), change);
  }

  /** Turns away whoever is just coming in; resolves when that has been said. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#reception?.close();
    await this.#reception?.said;
    this.#room?.leave();
    this.#room = null;
  }

  /** Somebody guesses: a few new codes, then only the link is left. */
  async #burn(room: SlotRoom): Promise<void> {
    if (this.#room !== room) return;
    room.leave();
    this.#room = null;
    this.#burntCodes += 1;
    if (this.#burntCodes < MAX_CODES_PER_SHARE) await this.#reopen('burnt');
    else this.#shut('burnt');
  }

  async #reopen(change: CodeChange): Promise<void> {
    try {
      await this.open(change);
    } catch (error) {
      if (!(error instanceof TransferError)) throw error;
      if (!this.#room && !this.#closed) this.#shut(change);
    }
  }

  /** No code leads here any longer. */
  #shut(change: CodeChange): void {
    this.#room?.leave();
    this.#room = null;
    this.#options.onCode(null, change);
  }
}
