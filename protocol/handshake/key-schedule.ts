import { expand, extract } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { lv } from './lv.ts';
import { ROLE_TAG, type Role } from './role.ts';

/** Everything that follows from one run; each key has one use. */
export interface RunKeys {
  /** SHA-256 over messages 1 and 2 whole: the run's transcript hash. */
  readonly th: Uint8Array;
  /** By the role that confirms with it. */
  readonly confirm: Readonly<Record<Role, Uint8Array>>;
  /** By the role that seals with it. */
  readonly seal: Readonly<Record<Role, Uint8Array>>;
  /** Binds lanes to the session. */
  readonly bind: Uint8Array;
  /** Of it are made the pre-shared keys of lanes over TLS. */
  readonly tls: Uint8Array;
}

const KEY_BYTES = 32;

/** @param isk CPace's key. @param hello message 1 as it travelled. @param reply message 2 as it travelled */
export function deriveKeys(isk: Uint8Array, hello: Uint8Array, reply: Uint8Array): RunKeys {
  const th = sha256(lv(hello, reply));
  const prk = extract(sha256, isk, th);
  const key = (name: string) => expand(sha256, prk, new TextEncoder().encode(`sp1 ${name}`), KEY_BYTES);
  return {
    th,
    confirm: { receiver: key('kcR'), sender: key('kcS') },
    seal: { receiver: key('kRS'), sender: key('kSR') },
    bind: key('kBind'),
    tls: key('kTls'),
  };
}

/** What shows the other side that this role has the keys: 32 bytes. */
export function confirmation(keys: RunKeys, role: Role): Uint8Array {
  return hmac(sha256, keys.confirm[role], lv(ROLE_TAG[role], keys.th));
}
