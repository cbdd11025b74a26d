import { expect, test } from 'vitest';
import { errorText } from '#protocol/error-text.ts';
import { TransferError } from '#protocol/errors.ts';
import { AT_START } from '#transport/transfer-progress.ts';
import type { TransferStatus } from '#transport/transfer-status.ts';
import type { CliEvent } from './events.ts';
import { TransferEvents } from './transfer-events.ts';

const RUNNING: TransferStatus = { ...AT_START, state: 'transferring', files: 3, totalBytes: 30, lanes: 1 };

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
  events.take(AT_START);
  events.take({ ...AT_START, state: 'waiting', route: 'lan', lanes: 1 });
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

test('a lost connection is said once, and that it goes on', () => {
  const away = { ...RUNNING, state: 'reconnecting', bytes: 10 } as const;
  const said = eventsOf(
    { receiver: 'r' },
    RUNNING,
    away,
    { ...away, lanes: 0 },
    { ...RUNNING, bytes: 12 },
    away,
  );
  expect(said.filter(({ event }) => event.startsWith('reconnect'))).toEqual([
    { event: 'reconnecting', bytes: 10, totalBytes: 30, receiver: 'r' },
    { event: 'reconnected', bytes: 12, totalBytes: 30, receiver: 'r' },
    { event: 'reconnecting', bytes: 10, totalBytes: 30, receiver: 'r' },
  ]);
});

test('who holds a transfer up is said at each change, and not at its end', () => {
  const [none, here, both] = [
    { here: false, there: false },
    { here: true, there: false },
    { here: true, there: true },
  ];
  const said = eventsOf(
    {},
    { ...RUNNING, paused: none },
    { ...RUNNING, paused: here },
    { ...RUNNING, paused: here, bytes: 1 },
    { ...RUNNING, paused: both },
    { ...RUNNING, paused: none },
    { ...RUNNING, state: 'failed', error: new TransferError('cancelled'), paused: here },
  );
  expect(said.filter(({ event }) => event === 'paused')).toEqual([
    { event: 'paused', ...here },
    { event: 'paused', ...both },
    { event: 'paused', ...none },
  ]);
});

test('each file that changed at the sender is named once', () => {
  const said = eventsOf({}, { ...RUNNING, changedFiles: ['a'] }, { ...RUNNING, changedFiles: ['a', 'b'] });
  expect(said.filter(({ event }) => event === 'changed')).toEqual([
    { event: 'changed', path: 'a' },
    { event: 'changed', path: 'b' },
  ]);
});
