interface SharedSecret {
  /** CPace's password-related string. */
  readonly prs: Uint8Array;
  /** The room's name as it enters the transcript. */
  readonly room: Uint8Array;
  /** The room's name as the signaling server knows it. */
  readonly roomName: string;
}

/** What both sides of a link know before they meet. Made by `linkSecret`. */
export interface LinkSecret extends SharedSecret {
  readonly mode: 'link';
  /** First 16 bytes of SHA-256 of the owner's public key: what the link's fragment carries. */
  readonly k: Uint8Array;
}

/** What both sides of a short code know before they meet. Made by `codeSecret`. */
export interface CodeSecret extends SharedSecret {
  readonly mode: 'code';
}

export type Secret = LinkSecret | CodeSecret;
