import { MAX_GUESSES_PER_CODE, MAX_RUNS_PER_TYPED_CODE } from './limits.ts';
import type { RefusalCode } from './refusal.ts';

/** What a sender keeps with a code, so that a restart forgets no guess. */
export interface GuessRecord {
  readonly guessesSpent: number;
  /** A session was made with this code: it makes no second one. */
  readonly used: boolean;
}

/**
 * The sender's side: how often anyone, the server above all, may try a code. Persist `record` after each `admit`
 * that admitted, before message 2 goes out, and after `succeed`.
 */
export class GuessLimit {
  #record: GuessRecord;
  #activeRun: string | null = null;

  constructor(record: GuessRecord = { guessesSpent: 0, used: false }) {
    this.#record = record;
  }

  get record(): GuessRecord {
    return this.#record;
  }

  /** No session, no run under way and no guess left: show a new code, and say why. */
  get burnt(): boolean {
    return !this.#record.used && this.#activeRun === null && !this.#guessLeft;
  }

  /** Spends a guess on this run, or says with what to refuse it. A run that is not admitted changes nothing. */
  admit(run: string): 'admitted' | Extract<RefusalCode, 'busy' | 'code-used'> {
    if (this.#record.used) return 'code-used';
    if (this.#activeRun !== null) return 'busy';
    if (!this.#guessLeft) return 'code-used';
    this.#record = { guessesSpent: this.#record.guessesSpent + 1, used: false };
    this.#activeRun = run;
    return 'admitted';
  }

  /** The run ended without a session, for whatever reason; its guess stays spent. Of any other run: nothing. */
  abandon(run: string): void {
    if (this.#activeRun === run) this.#activeRun = null;
  }

  /** The run became a session: the code is used up. */
  succeed(run: string): void {
    if (this.#activeRun !== run) throw new Error('a session from a run that was not admitted');
    this.#activeRun = null;
    this.#record = { ...this.#record, used: true };
  }

  get #guessLeft(): boolean {
    return this.#record.guessesSpent < MAX_GUESSES_PER_CODE;
  }
}

/** The receiver's side: how many runs one typing of a code may start, reconnects included. */
export class TypedCodeRuns {
  #started = 0;

  /** Counts one run. False: none is left, ask the person to type the code again. */
  start(): boolean {
    if (this.#started >= MAX_RUNS_PER_TYPED_CODE) return false;
    this.#started++;
    return true;
  }
}
