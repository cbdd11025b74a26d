import { isIP } from 'node:net';
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** What is said with the usage and status 2. */
export class UsageError extends Error {}

/** Host and port as someone wrote them; the port is theirs to leave out. */
export interface WrittenAddress {
  readonly host: string;
  readonly port: number | undefined;
}

/** @throws UsageError with Node's own sentence about the argument that is wrong. */
export function parseArguments<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    // Node's message goes on with advice about "--"; its first sentence names the argument.
    const [sentence = 'Bad arguments'] = (error instanceof Error ? error.message : '').split(/[.\n]/, 1);
    throw new UsageError(`${sentence}.`);
  }
}

/** @throws UsageError unless it is a decimal number from `lowest` to 65535. */
export function parsePort(text: string, lowest: 0 | 1): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535 || Number(text) < lowest)
    throw new UsageError(`A port is a number from ${lowest} to 65535, not "${text}".`);
  return Number(text);
}

/**
 * `host`, `host:port`, `[IPv6]:port`, or an IPv6 address alone.
 *
 * @throws UsageError where there is no host, or the port is no number from 1 to 65535.
 */
export function parseAddress(text: string): WrittenAddress {
  if (isIP(text) !== 0) return { host: text, port: undefined };
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? '';
  if (host === '' || (bracketed !== undefined && isIP(host) !== 6))
    throw new UsageError(`An address is HOST, HOST:PORT or [IPv6]:PORT, not "${text}".`);
  return { host, port: port === undefined ? undefined : parsePort(port, 1) };
}

/** Says on the right stream why the program failed, and sets its status: 2 where it was called wrongly, else 1. */
export function reportFailure(error: Error & { cause?: unknown }, usage: string): void {
  const isUsage = error instanceof UsageError;
  if (process.argv.includes('--json')) {
    const code = isUsage ? 'usage' : ((error.cause as NodeJS.ErrnoException | undefined)?.code ?? 'internal');
    process.stdout.write(`${JSON.stringify({ event: 'error', code, message: error.message })}\n`);
  } else {
    process.stderr.write(`${error.message}\n${isUsage ? `${usage}\n` : ''}`);
  }
  process.exitCode = isUsage ? 2 : 1;
}
