import { expect, test } from 'vitest';
import { errorText } from '#protocol/error-text.ts';
import { TransferError } from '#protocol/errors.ts';
import type { TransferStatus } from '#transport/transfer-status.ts';
import type { CliEvent } from './events.ts';
import { TransferEvents } from './transfer-events.ts';

const START: TransferStatus = {
  state: 'connecting',
  route: null,
  rttMs: null,
  lanes: 0,
  files: 0,
  filesDone: 0,
  bytes: 0,
  totalBytes: 0,
  wireBytes: 0,
  bytesPerSecond: null,
  secondsLeft: null,
  seconds: 0,
  failedFiles: [],
  error: null,
};

const RUNNING: TransferStatus = { ...START, state: 'transferring', files: 3, totalBytes: 30, lanes: 1 };

function eventsOf(about: { receiver?: string; folder?: string }, ...statuses: TransferStatus[]): CliEvent[] {
  const said: CliEvent[] = [];
  const events = new TransferEvents({ say: (event) => said.push(event) }, about);
  for (const status of statuses) events.take(status);
  return said;
}

function names(events: readonly CliEvent[]): string[] {
  return events.map(({ event }) => event);
}

test('nothing is said before something was chosen', () => {
  const said: CliEvent[] = [];
  const events = new TransferEvents({ say: (event) => said.push(event) }, {});
  events.take(START);
  events.take({ ...START, state: 'waiting', route: 'lan', lanes: 1 });
  expect(said).toEqual([]);
  expect(events.begun).toBe(false);
  events.take(RUNNING);
  expect(events.begun).toBe(true);
});

test('a session is said when its route is known, and again when that changes', () => {
  const said = eventsOf(
    {},
    RUNNING,
    { ...RUNNING, route: 'direct', rttMs: 5 },
    { ...RUNNING, route: 'direct', rttMs: 6 },
    { ...RUNNING, route: 'lan', rttMs: 4 },
    { ...RUNNING, route: null },
  );
  expect(said.filter(({ event }) => event === 'session')).toEqual([
    { event: 'session', route: 'direct', rttMs: 5 },
    { event: 'session', route: 'lan', rttMs: 4 },
  ]);
});

test('the end comes once, after the last of the progress', () => {
  const done: TransferStatus = {
    ...RUNNING,
    state: 'done',
    route: 'lan',
    bytes: 30,
    wireBytes: 30,
    seconds: 2,
  };
  const said = eventsOf({ receiver: 'r', folder: '/got' }, RUNNING, { ...done, lanes: 0 }, done, RUNNING);
  expect(names(said)).toEqual(['progress', 'session', 'progress', 'done']);
  expect(said.at(-2)).toMatchObject({ bytes: 30, totalBytes: 30, wireBytes: 30, receiver: 'r' });
  expect(said.at(-1)).toEqual({
    event: 'done',
    bytes: 30,
    wireBytes: 30,
    files: 3,
    seconds: 2,
    route: 'lan',
    lanes: 1,
    folder: '/got',
    receiver: 'r',
  });
});

test('each failed file is said once; the end says how many are left', () => {
  const a = { path: 'a', code: 'source-changed' } as const;
  const b = { path: 'b', code: 'source-unreadable' } as const;
  const said = eventsOf(
    {},
    { ...RUNNING, failedFiles: [a] },
    { ...RUNNING, failedFiles: [a, b] },
    { ...RUNNING, state: 'failed', failedFiles: [a, b], error: new TransferError('source-changed') },
  );
  expect(names(said)).toEqual(['progress', 'failed', 'progress', 'failed', 'error']);
  expect(said.filter(({ event }) => event === 'failed')).toMatchObject([a, b]);
  expect(said.at(-1)).toEqual({
    event: 'error',
    code: 'source-changed',
    message: '1 of 3 files are verified and on disk; the others failed.',
  });
});

test('where nothing is left, the end is the reason alone', () => {
  const failedFiles = [{ path: 'a', code: 'source-changed' }] as const;
  const error = new TransferError('source-changed');
  const said = eventsOf({}, { ...RUNNING, state: 'failed', files: 1, failedFiles, error });
  expect(said.at(-1)).toMatchObject({ event: 'error', message: expect.stringMatching(/^A file changed/) });
});

test('who did not cancel is told that the other side did', () => {
  const error = new TransferError('cancelled', 'the other side ended it', { source: 'remote' });
  const said = eventsOf({}, { ...RUNNING, state: 'failed', error });
  expect(said.at(-1)).toMatchObject({ code: 'cancelled', message: 'The other side cancelled the transfer.' });
});

test.each([
  new TransferError('connection-lost', 'closed'),
  new TransferError('sink-failed', '/got: read-only'),
])('a transfer that breaks off with %s after a file failed claims nothing for the others', (error) => {
  const failedFiles = [{ path: 'a', code: 'sink-failed' }] as const;
  const said = eventsOf({}, { ...RUNNING, state: 'failed', failedFiles, error });
  const { code, message: detail } = error;
  expect(said.at(-1)).toEqual({ event: 'error', code, message: errorText(code), detail });
});
