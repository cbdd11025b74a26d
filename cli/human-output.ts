import { renderUnicodeCompact } from 'uqr';
import type { SkipReason } from '#node-peer/folder-walk.ts';
import type { TransferErrorCode } from '#protocol/errors.ts';
import { visibleText } from '#protocol/local-path.ts';
import type { Route } from '#transport/lane.ts';
import { formatCount, formatSize } from '#transport/quantity-text.ts';
import type { CliEvent, Output } from './events.ts';
import { formatSeconds, type ProgressFigures, progressLine } from './terminal-text.ts';
import type { Verdict } from './verify.ts';

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
  unreadable: 'it is not there, or may not be read',
  'unsafe-name': 'its name cannot travel',
};

/** Of one width, so that the paths stand in a column. */
const VERDICTS: Record<Verdict, string> = {
  whole: 'whole     ',
  changed: 'CHANGED   ',
  missing: 'MISSING   ',
  unreadable: 'UNREADABLE',
};

/** Their details are about what servers and handshakes say among themselves; the sentence holds all that helps. */
const SENTENCE_ALONE: ReadonlySet<TransferErrorCode> = new Set([
  'wrong-code',
  'code-used',
  'sender-gone',
  'room-full',
  'room-taken',
  'rate-limited',
  'version-mismatch',
  'tampered',
  'impostor',
  'no-route',
  'connection-lost',
  'peer-silent',
  'declined',
  'cancelled',
]);

/** How the system calls an error, ahead of its words for it: `ENOENT: no such file or directory`. */
const SYSTEM_CODE = /\bE[A-Z0-9]+: /;

type ProgressEvent = Extract<CliEvent, { event: 'progress' }>;

/**
 * Sentences for people. What a person copies (link, code, the server's address) goes to standard output, the rest to
 * standard error; progress is drawn on a terminal and nowhere else.
 */
export class HumanOutput implements Output {
  readonly #draws = process.stderr.isTTY === true;
  /** The transfers that run, by receiver: a sender serves several at once, and they share the one line. */
  readonly #running = new Map<string | undefined, ProgressEvent>();
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
      case 'resumed':
        this.#note(resumedSentence(event));
        break;
      case 'continuing':
        this.#note(
          `Going on with ${visibleText(event.what)}: ${formatSize(event.bytes)} of ${formatSize(event.totalBytes)} are here.`,
        );
        break;
      case 'reconnecting':
        this.#running.delete(event.receiver);
        this.#note('Connection lost. Looking for a new way…');
        break;
      case 'reconnected':
        this.#note(`Going on, ${percent(event)} was here.`);
        break;
      case 'paused':
        if (event.here || event.there) this.#running.delete(event.receiver);
        this.#note(pausedSentence(event));
        break;
      case 'changed':
        this.#note(`Changed at the sender meanwhile, and fetched anew: ${visibleText(event.path)}`);
        break;
      case 'stopped':
        this.#note(
          'The receiver stopped. The same link still works, and goes on from what has arrived. Waiting.',
        );
        break;
      case 'resumable':
        this.#note(`What has arrived is kept. Go on with: ${event.command}`);
        break;
      case 'verified':
        this.#note(`${VERDICTS[event.verdict]}  ${visibleText(event.path)}`);
        break;
      case 'summary':
        this.#note(summarySentence(event));
        break;
      case 'session':
        this.#note(`Connected ${ROUTES[event.route]}${roundTrip(event.rttMs)}.`);
        break;
      case 'failed':
        this.#note(`Failed: ${visibleText(event.path)}. ${event.message}`);
        break;
      case 'renamed':
        this.#note(`${visibleText(event.path)} is saved as ${visibleText(event.savedAs)}.`);
        break;
      case 'done':
        this.#running.delete(event.receiver);
        this.#note(doneSentence(event));
        break;
      case 'error':
        this.#running.delete(event.receiver);
        this.#note(errorSentence(event));
        break;
    }
  }

  #draw(event: ProgressEvent): void {
    this.#running.set(event.receiver, event);
    if (!this.#draws) return;
    const line = progressLine(sum([...this.#running.values()]), process.stderr.columns || 80);
    process.stderr.write(`\r\x1b[K${line}`);
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

function resumedSentence({ paths, others }: Extract<CliEvent, { event: 'resumed' }>): string {
  const more = others > 0 ? ` (${formatCount(others, 'older share')} left unfinished besides)` : '';
  return `Offering again, by the same link: ${paths.map(visibleText).join(', ')}${more}`;
}

function pausedSentence({ here, there }: Extract<CliEvent, { event: 'paused' }>): string {
  if (here && there) return 'Paused by you and by the other side. Press p to go on.';
  if (here) return 'Paused. Press p to go on.';
  return there ? 'Paused by the other side.' : 'Going on.';
}

/** Rounded down: not all of it is there before it is. */
function percent({ bytes, totalBytes }: { bytes: number; totalBytes: number }): string {
  return `${totalBytes === 0 ? 100 : Math.floor((bytes / totalBytes) * 100)} %`;
}

function summarySentence({
  whole,
  changed,
  missing,
  unreadable,
}: Extract<CliEvent, { event: 'summary' }>): string {
  const files = whole + changed + missing + unreadable;
  if (whole === files) return `${files === 1 ? 'The file is' : `All ${files} files are`} whole.`;
  const parts = Object.entries({ changed, missing, unreadable }).filter(([, count]) => count > 0);
  return `${whole} of ${formatCount(files, 'file')} ${whole === 1 ? 'is' : 'are'} whole: ${parts.map(([what, count]) => `${count} ${what}`).join(', ')}.`;
}

/** All running transfers as one; it is finished with the slowest of them. */
function sum(transfers: readonly ProgressEvent[]): ProgressFigures {
  const total = (pick: (transfer: ProgressEvent) => number | null) =>
    transfers.reduce((figure, transfer) => figure + (pick(transfer) ?? 0), 0);
  const rests = transfers.map(({ secondsLeft }) => secondsLeft);
  return {
    bytes: total(({ bytes }) => bytes),
    totalBytes: total(({ totalBytes }) => totalBytes),
    bytesPerSecond: total(({ bytesPerSecond }) => bytesPerSecond) || null,
    secondsLeft: rests.includes(null) ? null : Math.max(...rests.map(Number)),
  };
}

function roundTrip(rttMs: number | null): string {
  return rttMs === null ? '' : `, round trip ${rttMs < 10 ? rttMs.toFixed(1) : Math.round(rttMs)} ms`;
}

function doneSentence({ bytes, files, seconds, folder }: Extract<CliEvent, { event: 'done' }>): string {
  // Below a tenth of a second there is no speed to speak of.
  const speed = seconds >= 0.1 ? `, ${formatSize(bytes / seconds)}/s` : '';
  const where = folder === undefined ? 'The receiver has' : 'Received';
  const at = folder === undefined ? '' : ` in ${visibleText(folder)}`;
  return `${where} ${formatCount(files, 'file')}, ${formatSize(bytes)}${at}, verified (${formatSeconds(seconds)}${speed}).`;
}

function errorSentence({ code, message, detail }: Extract<CliEvent, { event: 'error' }>): string {
  if (!detail || SENTENCE_ALONE.has(code)) return message;
  const shown = visibleText(detail).replace(SYSTEM_CODE, '');
  if (code === 'usage') return `${shown.charAt(0).toUpperCase()}${shown.slice(1)}.`;
  return `${message} (${shown})`;
}
