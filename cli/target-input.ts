import { createInterface } from 'node:readline/promises';
import { TransferError } from '#protocol/errors.ts';

/** Far above any link or code: whatever else is piped in is not read to its end. */
const MAX_INPUT_CHARS = 4096;

/**
 * The link or code to receive from: the argument, else SALLYPORT_CODE, else the first line of standard input (`-` asks
 * for that too), so that it need not stand in the process list.
 * @throws TransferError `usage`
 */
export async function readTarget(argument: string | undefined, signal: AbortSignal): Promise<string> {
  if (argument && argument !== '-') return argument;
  const fromEnvironment = process.env['SALLYPORT_CODE'];
  if (!argument && fromEnvironment) return fromEnvironment;
  const text = process.stdin.isTTY ? await ask(signal) : await firstLine();
  if (text.trim() === '')
    throw new TransferError('usage', 'give a link or a code, as an argument or on standard input');
  return text.trim();
}

async function ask(signal: AbortSignal): Promise<string> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await prompt.question('Link or code: ', { signal });
  } catch (cause) {
    throw new TransferError('cancelled', 'cancelled', { cause });
  } finally {
    prompt.close();
  }
}

async function firstLine(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk;
    if (text.includes('\n') || text.length > MAX_INPUT_CHARS) break;
  }
  return text.split('\n', 1)[0] ?? '';
}
