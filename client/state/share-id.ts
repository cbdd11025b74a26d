import { base64urlnopad } from '@scure/base';
import { parseLink } from '#protocol/handshake/link.ts';
import type { Platform } from '#transport/platform.ts';

const TAG = new TextEncoder().encode('sallyport share');
const SHARE_ID_BYTES = 16;

/** By which name sinks know the share of a link. @throws TransferError `link-malformed` */
export async function shareIdOf(link: string, platform: Platform): Promise<string> {
  const digest = await platform.sha256(Uint8Array.from([...TAG, ...parseLink(link).k]));
  return base64urlnopad.encode(digest.subarray(0, SHARE_ID_BYTES));
}
