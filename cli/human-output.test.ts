import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CliEvent } from './events.ts';
import { HumanOutput } from './human-output.ts';

const CLEAR_LINE = '\r\x1b[K';

let stdout = '';
let stderr = '';

beforeEach(() => {
  [stdout, stderr] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  Reflect.deleteProperty(process.stderr, 'isTTY');
  Reflect.deleteProperty(process.stderr, 'columns');
});

/** Says events where standard error is a terminal, or not. */
function say(columns: number | null, ...events: CliEvent[]): void {
  const define = (name: string, value: unknown) =>
    Object.defineProperty(process.stderr, name, { value, configurable: true });
  define('isTTY', columns !== null);
  define('columns', columns ?? undefined);
  const output = new HumanOutput();
  for (const event of events) output.say(event);
}

function progress(bytes: number, receiver?: string): CliEvent {
  const figures = {
    bytes,
    totalBytes: 200,
    wireBytes: bytes,
    bytesPerSecond: 10,
    secondsLeft: bytes,
    lanes: 1,
  };
  return { event: 'progress', ...figures, ...(receiver !== undefined && { receiver }) };
}

const DONE: CliEvent = {
  event: 'done',
  bytes: 200,
  wireBytes: 200,
  files: 1,
  seconds: 0.5,
  route: 'lan',
  lanes: 1,
};

describe('what people read', () => {
  test('what is copied goes to standard output, the rest to standard error', () => {
    say(null, { event: 'link', url: 'https://s.example/#x', code: '1-a-b-c' });
    expect(stdout).toBe('Link: https://s.example/#x\nCode: 1-a-b-c\n');
    expect(stderr).toBe('Waiting for the receiver. Ctrl-C stops offering.\n');
  });

  test('a pipe gets no bar', () => {
    say(null, progress(100), DONE);
    expect(stderr).toBe('The receiver has 1 file, 200 bytes, verified (0.5 s, 400 bytes/s).\n');
  });

  test('a bar is cleared before a sentence', () => {
    say(40, progress(100), { event: 'server', connected: true });
    const [nothing, bar, sentence] = stderr.split(CLEAR_LINE);
    expect([nothing, sentence]).toEqual(['', 'The server is back.\n']);
    expect(bar).toMatch(/^[█░]+ {2}50% {2}100 bytes of 200 bytes$/);
  });

  test('several receivers share one bar until each has ended', () => {
    say(100, progress(200, 'a'), progress(0, 'b'), { ...DONE, receiver: 'a' }, progress(50, 'b'));
    const bars = stderr.match(/\d+% {2}\S+ \S+ of \S+ \S+/g);
    expect(bars).toEqual(
      ['100%  200 bytes of 200', '50%  200 bytes of 400', '25%  50 bytes of 200'].map((bar) =>
        expect.stringContaining(bar),
      ),
    );
  });

  test('names steer no terminal', () => {
    const path = 'evil\u001b]0;x\u0007\u202egnp.exe\u009b31m';
    say(
      80,
      { event: 'skipped', path, reason: 'unsafe-name' },
      { event: 'failed', path, code: 'source-changed', message: 'It changed.' },
      { event: 'renamed', path, savedAs: `${path} (2)` },
      { event: 'error', code: 'source-unreadable', message: 'No.', detail: `${path}: gone` },
      { ...DONE, folder: `/tmp/${path}` },
    );
    expect(stderr).not.toMatch(/(?!\n)[\p{Cc}\u202e]/u);
    expect(stderr.match(/evil_/g)).toHaveLength(6);
  });
});

describe('an error', () => {
  test.each<[Extract<CliEvent, { event: 'error' }>, string]>([
    [
      { event: 'error', code: 'usage', message: 'Not right.', detail: "unknown option '--x'; see help" },
      "Unknown option '--x'; see help.",
    ],
    [
      { event: 'error', code: 'wrong-code', message: 'Wrong.', detail: 'the server refused: unknown-slot' },
      'Wrong.',
    ],
    [
      { event: 'error', code: 'source-unreadable', message: 'Unreadable.', detail: 'x: ENOENT: not there' },
      'Unreadable. (x: not there)',
    ],
    [{ event: 'error', code: 'cancelled', message: 'Cancelled.' }, 'Cancelled.'],
  ])('%o', (event, sentence) => {
    say(null, event);
    expect(stderr).toBe(`${sentence}\n`);
  });
});

describe('an interrupted transfer', () => {
  test.each<[CliEvent, string]>([
    [
      { event: 'continuing', what: 'album/', bytes: 1_200_000_000, totalBytes: 3_000_000_000 },
      'Going on with album/: 1.20 GB of 3.00 GB are here.\n',
    ],
    [{ event: 'reconnecting', bytes: 10, totalBytes: 20 }, 'Connection lost. Looking for a new way…\n'],
    [{ event: 'reconnected', bytes: 639, totalBytes: 1000 }, 'Going on, 63 % was here.\n'],
    [{ event: 'paused', here: true, there: false }, 'Paused. Press p to go on.\n'],
    [{ event: 'paused', here: false, there: true }, 'Paused by the other side.\n'],
    [
      { event: 'paused', here: true, there: true },
      'Paused by you and by the other side. Press p to go on.\n',
    ],
    [{ event: 'paused', here: false, there: false }, 'Going on.\n'],
    [
      { event: 'resumable', command: 'sallyport receive -o got https://s.example/#x' },
      'What has arrived is kept. Go on with: sallyport receive -o got https://s.example/#x\n',
    ],
    [
      { event: 'resumed', paths: ['/a', '/b\u202e'], others: 2 },
      'Offering again, by the same link: /a, /b_ (2 older shares left unfinished besides)\n',
    ],
    [{ event: 'summary', whole: 1, changed: 0, missing: 0, unreadable: 0 }, 'The file is whole.\n'],
    [
      { event: 'summary', whole: 1, changed: 2, missing: 1, unreadable: 0 },
      '1 of 4 files is whole: 2 changed, 1 missing.\n',
    ],
  ])('%j', (event, sentence) => {
    say(80, event);
    expect(stderr).toBe(sentence);
  });
});
