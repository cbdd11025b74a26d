import { afterEach, beforeEach, vi } from 'vitest';

/** For a whole test file: no time passes but by `pass` and `settled`. */
export function useFakeTime(): void {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
}

export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

/** Lets time pass until a promise is settled. @returns what it resolves to, and when, in milliseconds from now */
export async function settled<T>(promise: Promise<T>, withinMs = 60_000): Promise<{ value: T; ms: number }> {
  const startMs = Date.now();
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  promise.then(over, over);
  while (!isOver) {
    if (Date.now() - startMs > withinMs) throw new Error(`not settled within ${withinMs} ms`);
    await pass(10);
  }
  return { value: await promise, ms: Date.now() - startMs };
}

/** As `settled`, for what is to fail: its code. */
export async function failure(promise: Promise<unknown>, withinMs?: number): Promise<string> {
  const { value } = await settled(
    promise.then(
      () => 'resolved',
      (error: unknown) => (error as { code?: string }).code ?? String(error),
    ),
    withinMs,
  );
  return value;
}
