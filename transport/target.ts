import { codeSecret, parseCode } from '#protocol/handshake/code.ts';
import { linkSecret, parseLink } from '#protocol/handshake/link.ts';
import type { Secret } from '#protocol/handshake/secret.ts';

/** Where a share is to be found, and what proves the right to it. */
export interface Target {
  readonly secret: Secret;
  /** Ends with a slash. */
  readonly serverUrl: string;
}

/**
 * Reads what a person typed or pasted: a link, which names its server, or a code, which is looked up at `serverUrl`.
 * @throws TransferError `link-malformed`, `code-malformed`
 */
export function parseTarget(text: string, serverUrl: string): Target {
  if (!/[#/]/.test(text)) return { secret: codeSecret(parseCode(text)), serverUrl };
  const link = parseLink(text);
  return { secret: linkSecret(link.k), serverUrl: link.serverUrl };
}
