import { TransferError, type TransferErrorCode } from '#protocol/errors.ts';

/**
 * One promise of a port, checked against an implementation that `setup` makes. Throws where it is not kept.
 * Needs no test runner, so that it runs in Vitest and inside a page alike; each run takes a fresh setup.
 */
export interface ContractCase<Setup> {
  readonly name: string;
  run(setup: Setup): Promise<void>;
}

/** @throws Error with this message */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

export function checkBytes(actual: Uint8Array | null | undefined, expected: Uint8Array, what: string): void {
  check(actual instanceof Uint8Array, `${what}: no bytes`);
  check(actual.length === expected.length, `${what}: ${actual.length} bytes instead of ${expected.length}`);
  const at = expected.findIndex((byte, i) => actual[i] !== byte);
  check(at < 0, `${what}: differs at ${at}`);
}

export async function checkRejects(
  promise: Promise<unknown>,
  codes: readonly TransferErrorCode[],
): Promise<void> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  const isExpected = error instanceof TransferError && codes.includes(error.code);
  check(isExpected, `expected ${codes.join(' or ')}, got ${error === null ? 'success' : String(error)}`);
}

/** Bytes that differ from seed to seed and hardly repeat. */
export function sampleBytes(lengthBytes: number, seed: number): Uint8Array<ArrayBuffer> {
  let state = (seed + 1) * 2654435761;
  return Uint8Array.from({ length: lengthBytes }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}
