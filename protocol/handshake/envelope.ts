/** First byte of every message. */
export const MESSAGE_TYPE = { refuse: 0, hello: 1, reply: 2, confirm: 3, accept: 4, sealed: 5 } as const;
export type MessageType = (typeof MESSAGE_TYPE)[keyof typeof MESSAGE_TYPE];

/** Why a sender answers a hello or a confirmation with a refusal. */
export type RefusalCode = 'version-mismatch' | 'busy' | 'code-used' | 'failed';

/** What anyone who relays or routes can read of a message. */
export interface Header {
  readonly type: MessageType;
  /** Names the handshake run that the message belongs to: 22 characters base64url of its 16 bytes. A key for maps. */
  readonly run: string;
}

/**
 * Reads a message's first 17 bytes, to find the run it belongs to. A message of a run that is not known is dropped.
 * @throws ProtocolViolation
 */
export function readHeader(message: Uint8Array): Header {
  throw new Error(`not yet: ${message}`);
}

/** Makes the message by which a sender ends a run that it will not go on with. */
export function refusal(run: string, code: RefusalCode): Uint8Array<ArrayBuffer> {
  throw new Error(`not yet: ${run} ${code}`);
}
