import { addAbortSignal } from 'node:stream';
import { TransferError } from '#protocol/errors.ts';
import { ask } from './question.ts';

/** Far above any link or code: whatever else is piped in is not read to its end. */
const MAX_INPUT_CHARS = 4096;

/**
 * The link or code to receive from: the argument, else SALLYPORT_CODE, else the first line of standard input (`-` asks
 * for that too), so that it need not stand in the process list.
 * @throws TransferError `usage`, `cancelled`
 */
export async function readTarget(argument: string | undefined, signal: AbortSignal): Promise<string> {
  if (argument && argument !== '-') return argument;
  const fromEnvironment = process.env['SALLYPORT_CODE'];
  if (!argument && fromEnvironment) return fromEnvironment;
  const text = process.stdin.isTTY ? await ask('Link or code: ', signal) : await firstLine(signal);
  const target = text?.trim();
  if (!target) throw new TransferError('usage', 'give a link or a code, as an argument or on standard input');
  return target;
}

async function firstLine(signal: AbortSignal): Promise<string> {
  let text = '';
  try {
    for await (const chunk of addAbortSignal(signal, process.stdin.setEncoding('utf8'))) {
      text += chunk;
      if (text.includes('\n') || text.length > MAX_INPUT_CHARS) break;
    }
  } catch (cause) {
    if (signal.aborted) throw new TransferError('cancelled', 'cancelled', { cause });
    throw cause;
  }
  return text.split('\n', 1)[0] ?? '';
}
