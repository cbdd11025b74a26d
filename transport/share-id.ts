import { base64urlnopad } from '@scure/base';
import { SHARE_ID_BYTES } from './limits.ts';
import type { Platform } from './platform.ts';

const TAG = new TextEncoder().encode('sallyport share');

/**
 * By which name sinks know a share: it tells nobody the link.
 * @param k of the share's link
 */
export async function shareIdOf(k: Uint8Array, platform: Pick<Platform, 'sha256'>): Promise<string> {
  const digest = await platform.sha256(Uint8Array.from([...TAG, ...k]));
  return base64urlnopad.encode(digest.subarray(0, SHARE_ID_BYTES));
}
