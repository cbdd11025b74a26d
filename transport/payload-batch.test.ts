import { expect, it } from 'vitest';
import type { SealedPayload } from '#protocol/handshake/sealed-payload.ts';
import { PayloadBatch } from './payload-batch.ts';

const payload = (n: number): SealedPayload => ({ type: 'end-of-candidates', lane: `${n}` });
const payloads = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => payload(from + i));

/** A batch, and the messages that leave it. */
function setUp() {
  const batch = new PayloadBatch();
  const sent: (readonly SealedPayload[])[] = [];
  return { batch, sent, open: () => batch.open((message) => sent.push(message)) };
}

it('keeps what is said before there is a session, and gives it to a message that is about to leave', async () => {
  const { batch, sent, open } = setUp();
  for (const each of payloads(0, 3)) batch.add(each);
  await Promise.resolve();
  expect(sent).toEqual([]);
  expect(batch.take()).toEqual(payloads(0, 3));
  expect(batch.take()).toEqual([]);
  open();
  expect(sent).toEqual([]);
});

it('sends what waited once it is opened, and then what is said within one turn together', async () => {
  const { batch, sent, open } = setUp();
  batch.add(payload(0));
  open();
  batch.add(payload(1));
  batch.add(payload(2));
  expect(sent).toEqual([[payload(0)]]);
  await Promise.resolve();
  batch.add(payload(3));
  await Promise.resolve();
  expect(sent).toEqual([[payload(0)], payloads(1, 3), [payload(3)]]);
});

it('never fills a message beyond its bound, and loses and swaps nothing', async () => {
  const { batch, sent, open } = setUp();
  for (const each of payloads(0, 40)) batch.add(each);
  sent.push(batch.take());
  open();
  for (const each of payloads(40, 100)) batch.add(each);
  await Promise.resolve();
  expect(Math.max(...sent.map(({ length }) => length))).toBe(16);
  expect(sent.flat()).toEqual(payloads(0, 100));
});
