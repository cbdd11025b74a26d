/** Every step ends: one that hangs is a failure, not a slow figure. */

/** @throws {Error} that names what took too long */
export async function within<T>(what: string, timeoutMs: number, step: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${timeoutMs / 1000} s`)), timeoutMs);
  });
  try {
    return await Promise.race([step, tooLong]);
  } finally {
    clearTimeout(timer);
    step.catch(() => {}); // It may fail later, when what it waits for is taken away.
  }
}
