/**
 * Why a transfer, or one file of it, did not succeed. Every code has one sentence for people in
 * `error-text.ts`; programs read the code itself (`--json`, see docs/cli.md).
 */
export type TransferErrorCode =
  // Finding each other
  | 'link-malformed'
  | 'code-malformed'
  | 'wrong-code'
  | 'code-used'
  | 'sender-gone'
  | 'room-full'
  | 'room-taken'
  | 'rate-limited'
  | 'server-unreachable'
  | 'server-refused'
  | 'server-full'
  | 'insecure-origin'
  // Trusting each other
  | 'version-mismatch'
  | 'tampered'
  | 'impostor'
  | 'protocol-violation'
  // The way between
  | 'no-route'
  | 'connection-lost'
  | 'peer-silent'
  // The files
  | 'nothing-to-send'
  | 'manifest-too-large'
  | 'unsafe-path'
  | 'source-unreadable'
  | 'source-changed'
  | 'damaged'
  | 'disk-full'
  | 'sink-failed'
  // The people
  | 'declined'
  | 'cancelled'
  | 'usage'
  | 'internal';

/** An expected way for a transfer to end badly. `source` says on whose side it arose. */
export class TransferError extends Error {
  override readonly name = 'TransferError';
  readonly code: TransferErrorCode;
  readonly source: 'local' | 'remote';

  /** @param detail for logs and `--json`; people read the sentence made from `code`. */
  constructor(
    code: TransferErrorCode,
    detail: string = code,
    options: { source?: 'local' | 'remote'; cause?: unknown } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.source = options.source ?? 'local';
  }
}

/**
 * Malformed or forbidden input from the peer or the server. Thrown by the decoder that found it and
 * caught by the session's owner alone, who ends the session: nothing in between tries to go on.
 */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
}
