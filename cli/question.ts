import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { TransferError } from '#protocol/errors.ts';

/**
 * Asks a person at the terminal. Null for the end of input (Ctrl-D).
 * @throws TransferError when the signal is aborted: its reason, or `cancelled`
 */
export async function ask(question: string, signal: AbortSignal): Promise<string | null> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  // In raw mode Ctrl-C is a key like any other: it becomes the signal here that it is everywhere else.
  prompt.on('SIGINT', () => process.emit('SIGINT'));
  const closed = once(prompt, 'close').then(() => null);
  // Ctrl-D rejects the question as an abort does; a terminal that goes away leaves it open.
  const asked = prompt.question(question, { signal }).catch(() => null);
  try {
    const answer = await Promise.race([asked, closed]);
    if (signal.aborted)
      throw signal.reason instanceof TransferError ? signal.reason : new TransferError('cancelled');
    // Only Enter and an abort end the question's line by themselves.
    if (answer === null) process.stderr.write('\n');
    return answer;
  } finally {
    prompt.close();
  }
}
