import { afterEach, describe, expect, test, vi } from 'vitest';
import { errorCode } from '../codec/error-code.ts';
import type { SocketAddress } from '../codec/ip-address.ts';
import { decodeMessage, encodeMessage } from '../codec/message.ts';
import { otherAddress } from '../codec/other-address.ts';
import { responseOrigin } from '../codec/response-origin.ts';
import { xorMappedAddress } from '../codec/xor-mapped-address.ts';
import { PROBE_GAP_MS, PROBE_WAITS_MS } from '../limits.ts';
import { discoverFiltering } from './filtering.ts';
import { ProbeSocket } from './probe-socket.ts';
import { type Ask, type Outcome, pacedAsk, pacer } from './transaction.ts';

const open: ProbeSocket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

async function opened(): Promise<ProbeSocket> {
  const socket = await ProbeSocket.open('127.0.0.1');
  open.push(socket);
  return socket;
}

const SEEN = { address: '203.0.113.2', port: 7 };
const OTHER = { address: '203.0.113.11', port: 3479 };
const ask = pacedAsk(async () => {});

/** A server that answers what `answer` makes of the n-th copy of a request. */
async function serverThat(answer: (request: Uint8Array, copy: number) => Uint8Array[]) {
  const server = await opened();
  let copies = 0;
  server.onMessage((bytes, source) => {
    copies++;
    for (const response of answer(bytes, copies)) server.send(response, source);
  });
  return { address: server.local, copies: () => copies };
}

function response(request: Uint8Array, messageClass: 'success' | 'error' = 'success'): Uint8Array {
  const message = decodeMessage(request);
  if (message === null) throw new Error('no request');
  const { method, transactionId } = message;
  const attributes =
    messageClass === 'error'
      ? [errorCode(420)]
      : [xorMappedAddress(SEEN, transactionId), responseOrigin(OTHER), otherAddress(OTHER)];
  return encodeMessage({ messageClass, method, transactionId }, attributes);
}

describe('a transaction', () => {
  test('tells what the answer says', async () => {
    const server = await serverThat((request) => [response(request)]);
    expect(await ask(await opened(), server.address)).toEqual({ mapped: SEEN, other: OTHER, origin: OTHER });
  });

  test('takes the source where no origin is said', async () => {
    const server = await serverThat((request) => {
      const message = decodeMessage(request);
      if (message === null) return [];
      const { method, transactionId } = message;
      const mapped = xorMappedAddress(SEEN, transactionId);
      return [encodeMessage({ messageClass: 'success', method, transactionId }, [mapped])];
    });
    const outcome = await ask(await opened(), server.address);
    expect(outcome).toEqual({ mapped: SEEN, other: null, origin: server.address });
  });

  test('survives the loss of all but the last copy', async () => {
    const server = await serverThat((request, copy) =>
      copy === PROBE_WAITS_MS.length ? [response(request)] : [],
    );
    expect(await ask(await opened(), server.address)).toMatchObject({ mapped: SEEN });
  });

  test('ends without an answer, after as many copies as there are waits', async () => {
    const server = await serverThat((request) => [request, Uint8Array.of(1, 2, 3)]);
    expect(await ask(await opened(), server.address)).toBeNull();
    expect(server.copies()).toBe(PROBE_WAITS_MS.length);
  });

  test('ends with a refusal', async () => {
    const server = await serverThat((request) => [response(request, 'error')]);
    expect(await ask(await opened(), server.address)).toBe('refused');
  });

  test('takes no answer to another', async () => {
    const server = await serverThat((request) => [
      response(request.map((byte, i) => (i === 19 ? byte ^ 1 : byte))),
      response(request),
    ]);
    expect(await ask(await opened(), server.address)).toMatchObject({ mapped: SEEN });
  });
});

test('turns come in order, with a gap between any two', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
  try {
    const turn = pacer();
    const come: number[] = [];
    for (const i of [0, 1, 2]) void turn().then(() => come.push(i));
    await vi.advanceTimersByTimeAsync(PROBE_GAP_MS - 1);
    expect(come).toEqual([0]);
    await vi.advanceTimersByTimeAsync(1);
    expect(come).toEqual([0, 1]);
    await vi.advanceTimersByTimeAsync(10 * PROBE_GAP_MS);
    expect(come).toEqual([0, 1, 2]);
    void turn().then(() => come.push(3));
    await vi.advanceTimersByTimeAsync(0);
    expect(come).toEqual([0, 1, 2, 3]);
  } finally {
    vi.useRealTimers();
  }
});

describe('filtering', () => {
  const PRIMARY = { address: '203.0.113.10', port: 3478 };
  const from = (origin: SocketAddress): Outcome => ({ mapped: SEEN, other: OTHER, origin });
  const NEAR = from({ ...PRIMARY, port: OTHER.port });

  test.each<[string | null, string, Outcome, Outcome]>([
    ['endpoint-independent', 'all comes in', from(OTHER), NEAR],
    ['address-dependent', 'the same IP comes in', null, NEAR],
    ['address-and-port-dependent', 'nothing comes in', null, null],
    [null, 'the server refuses', 'refused', 'refused'],
    [null, 'the server changes nothing', from(PRIMARY), from(PRIMARY)],
    [null, 'the server changes too little', null, from(PRIMARY)],
  ])('is %s where %s', async (filtering, _, far, near) => {
    const answers = [far, near];
    const told: Ask = async () => answers.shift() ?? null;
    expect(await discoverFiltering(told, await opened(), PRIMARY, OTHER)).toBe(filtering);
  });
});
