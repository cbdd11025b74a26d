/** The key pair of whoever made a share: made for it and kept with it. */
export class OwnerKey {
  readonly publicKey: Uint8Array;
  /** First 16 bytes of SHA-256(publicKey): what the link's fragment carries. */
  readonly k: Uint8Array;

  /** @param seed 32 fresh random bytes, kept with the share: the same seed is the same owner */
  constructor(seed: Uint8Array) {
    throw new Error(`not yet: ${seed}`);
  }
}
