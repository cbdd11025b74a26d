import { expand, extract } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { TransferError } from '../errors.ts';
import { decodeBase64url, encodeBase64url } from './base64url.ts';
import { K_BYTES } from './owner-key.ts';
import type { LinkSecret } from './secret.ts';

/** A link, taken apart. */
export interface Link {
  /** `https://host[:port]/[prefix/]`: always with its last slash, scheme and host in lower case. */
  readonly serverUrl: string;
  /** 16 bytes: the fingerprint of the owner's public key. */
  readonly k: Uint8Array;
}

const ROOM_BYTES = 16;
const PRS_BYTES = 32;
const MAX_PORT = 65_535;

/** Far above any link that we make; a pasted page of text is refused before a pattern runs over it. */
const MAX_LINK_CHARS = 2048;

/** Scheme, host (a name or a bracketed IPv6 address; no user), port, path that ends with a slash, K. */
const LINK =
  /^(https?):\/\/([^\s/?#@\\:[\]]+|\[[\da-f:.]+\])(?::(\d{1,5}))?(\/(?:[^\s?#\\]*\/)?)#([\w-]{22})$/i;

/** Writes a link: `serverUrl#<22 characters>`. @param link its `serverUrl` ends with a slash */
export function formatLink({ serverUrl, k }: Link): string {
  return `${serverUrl}#${encodeBase64url(k)}`;
}

/** Reads a link; white space around it is ignored. @throws TransferError `link-malformed` */
export function parseLink(text: string): Link {
  const trimmed = text.trim();
  const match = trimmed.length <= MAX_LINK_CHARS ? LINK.exec(trimmed) : null;
  if (!match) throw new TransferError('link-malformed', 'not of the form https://host/#<22 characters>');
  const [, scheme = '', host = '', port, path = '', fragment = ''] = match;
  if (port !== undefined && Number(port) > MAX_PORT)
    throw new TransferError('link-malformed', `no port ${port}`);
  const k = decodeBase64url(fragment, K_BYTES);
  if (!k) throw new TransferError('link-malformed', 'the part after # was cut or changed');
  const authority = `${host}${port === undefined ? '' : `:${port}`}`;
  return { serverUrl: `${`${scheme}://${authority}`.toLowerCase()}${path}`, k };
}

/** The secret that stands behind a link's fragment. @param k 16 bytes */
export function linkSecret(k: Uint8Array): LinkSecret {
  const prk = extract(sha256, k);
  const room = expand(sha256, prk, utf8('sp1 room'), ROOM_BYTES);
  return {
    mode: 'link',
    k,
    prs: expand(sha256, prk, utf8('sp1 prs'), PRS_BYTES),
    room,
    roomName: encodeBase64url(room),
  };
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
