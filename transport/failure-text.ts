import { errorText } from '#protocol/error-text.ts';
import type { TransferError } from '#protocol/errors.ts';

/** The sentence for people about a transfer that ended badly. Who cancelled it is told to whoever did not. */
export function failureText({ code, source }: TransferError): string {
  if (code === 'cancelled' && source === 'remote') return 'The other side cancelled the transfer.';
  return errorText(code);
}
