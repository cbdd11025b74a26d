import { expect, test } from 'vitest';
import { BINDING } from '../codec/header.ts';
import { decodeMessage, encodeMessage } from '../codec/message.ts';
import { readResponsePort } from '../codec/response-port.ts';
import { LIFETIME_STEPS } from '../limits.ts';
import { discoverLifetime } from './lifetime.ts';
import type { Ask, Reply } from './transaction.ts';

const SERVER = { address: '127.0.0.1', port: 3478 };
const HEADER = { messageClass: 'request', method: BINDING, transactionId: new Uint8Array(12) } as const;
/** Short, and so that every eighth of it is told from the next. */
const BOUND_SECONDS = 0.8;

/** A NAT that forgets, by turns: the n-th socket that rests is woken n-th. */
function natThatForgetsFrom(step: number): Ask {
  let woken = 0;
  return async (from, _to, attributes = [], at = from) => {
    const reply: Reply = {
      mapped: { address: '203.0.113.2', port: at.local.port },
      other: null,
      origin: SERVER,
    };
    if (attributes.length === 0) return reply;
    const message = decodeMessage(encodeMessage(HEADER, attributes));
    expect(message && readResponsePort(message)).toBe(at.local.port);
    expect(at).not.toBe(from);
    return woken++ < step ? reply : null;
  };
}

test.each([
  [LIFETIME_STEPS + 1, { aliveSeconds: 0.8, goneSeconds: null }],
  [LIFETIME_STEPS, { aliveSeconds: 0.7, goneSeconds: 0.8 }],
  [3, { aliveSeconds: 0.2, goneSeconds: 0.3 }],
  [1, { aliveSeconds: 0, goneSeconds: 0.1 }],
  // Even the one that was just made is not reached: the server does not do it.
  [0, null],
])('a NAT that remembers %i of the rests', async (step, lifetime) => {
  const found = await discoverLifetime(natThatForgetsFrom(step), '127.0.0.1', SERVER, BOUND_SECONDS);
  if (lifetime === null) return expect(found).toBeNull();
  expect(found?.aliveSeconds).toBeCloseTo(lifetime.aliveSeconds);
  if (lifetime.goneSeconds === null) expect(found?.goneSeconds).toBeNull();
  else expect(found?.goneSeconds).toBeCloseTo(lifetime.goneSeconds);
});
