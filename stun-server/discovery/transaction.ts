import type { Attribute } from '../codec/attribute.ts';
import { decodeBindingResponse, randomTransactionId } from '../codec/binding.ts';
import { BINDING } from '../codec/header.ts';
import type { SocketAddress } from '../codec/ip-address.ts';
import { decodeMessage, encodeMessage } from '../codec/message.ts';
import { readOtherAddress } from '../codec/other-address.ts';
import { readResponseOrigin } from '../codec/response-origin.ts';
import { PROBE_GAP_MS, PROBE_WAITS_MS } from '../limits.ts';
import type { ProbeSocket } from './probe-socket.ts';

/** What a success response says. */
export interface Reply {
  readonly mapped: SocketAddress;
  readonly other: SocketAddress | null;
  /** Whence the server sent it. A NAT may show another source; a server may not say: then it is the source. */
  readonly origin: SocketAddress;
}

/** An answer, a refusal, or nothing in time. */
export type Outcome = Reply | 'refused' | null;

/** @param at where the answer is waited for, if it is not where the request leaves. */
export type Ask = (
  from: ProbeSocket,
  to: SocketAddress,
  attributes?: readonly Attribute[],
  at?: ProbeSocket,
) => Promise<Outcome>;

/** Asks so that its transactions begin no faster than RFC 5780 section 5 allows. */
export function pacedAsk(turn: () => Promise<void>): Ask {
  return async (from, to, attributes = [], at = from) => {
    await turn();
    const transactionId = randomTransactionId();
    const request = encodeMessage({ messageClass: 'request', method: BINDING, transactionId }, attributes);
    return deliver(request, from, to, at, (bytes, source) => readReply(bytes, source, transactionId));
  };
}

/** @returns gives each of its callers a moment of its own, in order. */
export function pacer(): () => Promise<void> {
  let nextMs = 0;
  return async () => {
    const nowMs = performance.now();
    const startMs = Math.max(nowMs, nextMs);
    nextMs = startMs + PROBE_GAP_MS;
    await new Promise((resolve) => setTimeout(resolve, startMs - nowMs));
  };
}

/** Sends until `accept` finds what it wants among the datagrams that arrive `at` a socket, or the time is over. */
export function deliver<T>(
  bytes: Uint8Array,
  from: ProbeSocket,
  to: SocketAddress,
  at: ProbeSocket,
  accept: (bytes: Uint8Array, source: SocketAddress) => T | null,
): Promise<T | null> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const finish = (result: T | null) => {
      clearTimeout(timer);
      stopListening();
      resolve(result);
    };
    const stopListening = at.onMessage((received, source) => {
      const result = accept(received, source);
      if (result !== null) finish(result);
    });
    const send = (attempt: number) => {
      const waitMs = PROBE_WAITS_MS[attempt];
      if (waitMs === undefined) return finish(null);
      from.send(bytes, to);
      timer = setTimeout(send, waitMs, attempt + 1);
    };
    send(0);
  });
}

function readReply(bytes: Uint8Array, source: SocketAddress, transactionId: Uint8Array): Outcome {
  const outcome = decodeBindingResponse(bytes, transactionId);
  if (outcome?.kind !== 'mapped') return outcome && 'refused';
  const message = decodeMessage(bytes);
  return (
    message && {
      mapped: outcome.address,
      other: readOtherAddress(message),
      origin: readResponseOrigin(message) ?? source,
    }
  );
}
