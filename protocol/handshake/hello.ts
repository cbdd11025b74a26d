/** What a sender may know of message 1 before it spends anything on it. */
export interface Hello {
  readonly run: string;
  /** The highest version that both sides speak, or null: answer it with the refusal `version-mismatch`. */
  readonly version: number | null;
}

/**
 * Reads message 1 without any cryptography.
 * @throws ProtocolViolation
 */
export function inspectHello(message: Uint8Array): Hello {
  throw new Error(`not yet: ${message}`);
}
