import type { LinkSecret } from './secret.ts';

/** A link, taken apart. */
export interface Link {
  /** `https://host[:port]/[prefix/]`: always with its last slash, scheme and host in lower case. */
  readonly serverUrl: string;
  /** 16 bytes: the fingerprint of the owner's public key. */
  readonly k: Uint8Array;
}

/** Writes a link: `serverUrl#<22 characters>`. @param link its `serverUrl` ends with a slash */
export function formatLink(link: Link): string {
  throw new Error(`not yet: ${link.serverUrl}`);
}

/** Reads a link; white space around it is ignored. @throws TransferError `link-malformed` */
export function parseLink(text: string): Link {
  throw new Error(`not yet: ${text}`);
}

/** The secret that stands behind a link's fragment. @param k 16 bytes */
export function linkSecret(k: Uint8Array): LinkSecret {
  throw new Error(`not yet: ${k}`);
}
