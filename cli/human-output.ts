import { renderUnicodeCompact } from 'uqr';
import type { SkipReason } from '#node-peer/folder-walk.ts';
import { visibleText } from '#protocol/local-path.ts';
import type { Route } from '#transport/lane.ts';
import type { CliEvent, Output } from './events.ts';
import { formatBytes, formatCount, formatSeconds, progressBar } from './terminal-text.ts';

const ROUTES: Record<Route, string> = {
  lan: 'over the same network',
  direct: 'directly',
  relayed: 'through the relay',
};

const CODE_REASONS = {
  opened: 'New code',
  used: 'The code has been used. The link still works.',
  burnt: 'Somebody typed wrong words three times, so the code was replaced. New code',
  expired: 'The code had expired. New code',
} as const;

const SKIP_REASONS: Record<SkipReason, string> = {
  'link-outside': 'a symbolic link that leads out of the sent folder',
  'link-to-folder': 'a symbolic link to a folder',
  'link-broken': 'a symbolic link to nothing',
  'not-a-file': 'neither a file nor a folder',
  unreadable: 'it may not be read',
  'unsafe-name': 'its name cannot travel',
};

const BAR_WIDTH = 24;

/**
 * Sentences for people. What a person copies (link, code, the server's address) goes to standard output, the rest to
 * standard error; progress is drawn on a terminal and nowhere else.
 */
export class HumanOutput implements Output {
  readonly #draws = process.stderr.isTTY === true;
  #drawn = false;

  say(event: CliEvent): void {
    if (event.event === 'progress') this.#draw(event);
    else this.#write(event);
  }

  #write(event: Exclude<CliEvent, { event: 'progress' }>): void {
    this.#clear();
    switch (event.event) {
      case 'listening':
        this.#answer(`Sallyport is open at ${event.url}`);
        if (event.fingerprint) this.#note(`Certificate fingerprint (SHA-256): ${event.fingerprint}`);
        this.#note(`STUN at ${event.stun}. Ctrl-C closes it.`);
        break;
      case 'skipped':
        this.#note(`Not sent: ${visibleText(event.path)} (${SKIP_REASONS[event.reason]})`);
        break;
      case 'link':
        this.#answer(`Link: ${event.url}`);
        if (event.code) this.#answer(`Code: ${event.code}`);
        if (process.stdout.isTTY) this.#answer(`\n${renderUnicodeCompact(event.url)}\n`);
        this.#note('Waiting for the receiver. Ctrl-C stops offering.');
        break;
      case 'code':
        this.#note(event.code ? `${CODE_REASONS[event.reason]}: ${event.code}` : noCode(event.reason));
        break;
      case 'server':
        this.#note(
          event.connected
            ? 'The server is back.'
            : 'The server is away; trying again. Running transfers do not need it.',
        );
        break;
      case 'waiting':
        this.#note('Waiting for the sender.');
        break;
      case 'offer':
        break;
      case 'session':
        this.#note(`Connected ${event.route ? ROUTES[event.route] : ''}${roundTrip(event.rttMs)}.`);
        break;
      case 'failed':
        this.#note(`Failed: ${visibleText(event.path)}. ${event.message}`);
        break;
      case 'done':
        this.#note(doneSentence(event));
        break;
      case 'error':
        this.#note(`${event.message}${event.detail ? ` (${visibleText(event.detail)})` : ''}`);
        break;
    }
  }

  #draw({ bytes, totalBytes, bytesPerSecond, secondsLeft }: Extract<CliEvent, { event: 'progress' }>): void {
    if (!this.#draws) return;
    const parts = [
      progressBar(totalBytes === 0 ? 1 : bytes / totalBytes, BAR_WIDTH),
      `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`,
      bytesPerSecond === null ? '' : `${formatBytes(Math.round(bytesPerSecond))}/s`,
      secondsLeft === null ? '' : `${formatSeconds(secondsLeft)} left`,
    ];
    const line = parts.filter((part) => part !== '').join('  ');
    process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns || 80) - 1)}`);
    this.#drawn = true;
  }

  #clear(): void {
    if (this.#drawn) process.stderr.write('\r\x1b[K');
    this.#drawn = false;
  }

  #answer(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  #note(text: string): void {
    process.stderr.write(`${text}\n`);
  }
}

function noCode(reason: 'opened' | 'used' | 'burnt' | 'expired'): string {
  if (reason === 'used') return CODE_REASONS.used;
  if (reason === 'burnt')
    return 'Somebody keeps guessing codes, so there is none any more. The link still works.';
  return 'The code has expired and the server gave no new one. The link still works.';
}

function roundTrip(rttMs: number | null): string {
  return rttMs === null ? '' : `, round trip ${rttMs < 10 ? rttMs.toFixed(1) : Math.round(rttMs)} ms`;
}

function doneSentence({ bytes, files, seconds, folder }: Extract<CliEvent, { event: 'done' }>): string {
  const speed = seconds > 0 ? `, ${formatBytes(Math.round(bytes / seconds))}/s` : '';
  const where = folder === undefined ? 'The receiver has' : 'Received';
  const at = folder === undefined ? '' : ` in ${visibleText(folder)}`;
  return `${where} ${formatCount(files, 'file')}, ${formatBytes(bytes)}${at}, verified (${formatSeconds(seconds)}${speed}).`;
}
