import { TransferError, type TransferErrorCode } from '#protocol/errors.ts';
import { failureText } from '#transport/failure-text.ts';
import type { Output } from './events.ts';

/** How the process ends. @see docs/cli.md "Exit status" */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Says why a command failed. @returns the exit status that goes with it */
export function sayFailure(output: Output, error: unknown, receiver?: string): number {
  const failure = asTransferError(error);
  const { code } = failure;
  const detail = detailOf(failure);
  output.say({
    event: 'error',
    code,
    message: failureText(failure),
    ...(detail !== '' && { detail }),
    ...(receiver !== undefined && { receiver }),
  });
  return code === 'usage' ? EXIT.usage : EXIT.failed;
}

function asTransferError(error: unknown): TransferError {
  if (error instanceof TransferError) return error;
  const code: TransferErrorCode = 'internal';
  return new TransferError(code, error instanceof Error ? error.message : String(error), { cause: error });
}

function detailOf({ code, message, cause }: TransferError): string {
  const detail = message === code ? '' : message;
  if (code !== 'server-unreachable' || !(cause instanceof Error)) return detail;
  // Below "fetch failed" stands why: a refused connection, a certificate that nobody vouches for.
  let root = cause;
  while (root.cause instanceof Error) root = root.cause;
  return `${detail}: ${root.message}`;
}
