import type { RefusalCode } from './envelope.ts';

/** What a sender keeps with a code, so that a restart forgets no guess. */
export interface GuessRecord {
  readonly guessesSpent: number;
  /** A session was made with this code: it makes no second one. */
  readonly used: boolean;
}

/** The sender's side: how often anyone may try a code. Persist `record` after each `admit`, before message 2 goes out. */
export class GuessLimit {
  readonly record: GuessRecord;

  constructor(record: GuessRecord = { guessesSpent: 0, used: false }) {
    this.record = record;
  }

  /** No session and no guesses left: show a new code, and say why. */
  get burnt(): boolean {
    throw new Error('not yet');
  }

  /** Spends a guess on this run, or says with what to refuse it. */
  admit(run: string): 'admitted' | Extract<RefusalCode, 'busy' | 'code-used'> {
    throw new Error(`not yet: ${run}`);
  }

  /** The run ended without a session, for whatever reason; its guess stays spent. Idempotent. */
  abandon(run: string): void {
    throw new Error(`not yet: ${run}`);
  }

  /** The run became a session: the code is used. */
  succeed(run: string): void {
    throw new Error(`not yet: ${run}`);
  }
}

/** The receiver's side: how many runs one typing of a code may start, reconnects included. */
export class TypedCodeRuns {
  /** Counts one run. False: ask the person to type the code again. */
  start(): boolean {
    throw new Error('not yet');
  }
}
