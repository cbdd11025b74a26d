/** What the terminal sends for keys that it handles itself unless the program reads them. */
const CTRL_C = '\u0003';
const CTRL_Z = '\u001a';

/**
 * Calls `toggle` when a person presses `p`, where standard input and standard error are a terminal. Until it is ended
 * the terminal hands over single keys; Ctrl-C and Ctrl-Z do what they always do.
 */
export class PauseKey {
  readonly #toggle: () => void;
  #listening = false;
  readonly #onKey = (keys: string) => this.#take(keys);
  /** After Ctrl-Z and `fg`. */
  readonly #onContinued = () => void process.stdin.setRawMode(true);

  constructor(toggle: () => void) {
    this.#toggle = toggle;
  }

  start(): void {
    if (this.#listening || !process.stdin.isTTY || !process.stderr.isTTY) return;
    this.#listening = true;
    process.stdin.setRawMode(true).setEncoding('utf8').on('data', this.#onKey).resume();
    process.on('SIGCONT', this.#onContinued);
  }

  end(): void {
    if (!this.#listening) return;
    this.#listening = false;
    process.off('SIGCONT', this.#onContinued);
    process.stdin.off('data', this.#onKey).setRawMode(false).pause();
  }

  #take(keys: string): void {
    for (const key of keys) {
      if (key === 'p' || key === 'P') this.#toggle();
      else if (key === CTRL_C) process.emit('SIGINT');
      else if (key === CTRL_Z) {
        process.stdin.setRawMode(false);
        process.kill(process.pid, 'SIGTSTP');
      }
    }
  }
}
