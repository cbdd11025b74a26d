/** What both sides of a link know before they meet. Made by `linkSecret`. */
export interface LinkSecret {
  readonly mode: 'link';
  /** First 16 bytes of SHA-256 of the owner's public key: what the link's fragment carries. */
  readonly k: Uint8Array;
  /** CPace's password-related string. */
  readonly prs: Uint8Array;
  /** The room's name as it enters the transcript: 16 bytes. */
  readonly room: Uint8Array;
  /** The room's name as the signaling server knows it: 22 characters base64url. */
  readonly roomId: string;
}

/** What both sides of a short code know before they meet. Made by `codeSecret`. */
export interface CodeSecret {
  readonly mode: 'code';
  readonly prs: Uint8Array;
  /** The slot in decimal digits. */
  readonly room: Uint8Array;
  readonly slot: number;
}

export type Secret = LinkSecret | CodeSecret;
