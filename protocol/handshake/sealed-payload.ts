/** What two peers say to each other through the server, sealed. Several travel in one message. */
export type SealedPayload =
  | { readonly type: 'offer'; readonly lane: string; readonly sdp: string }
  | { readonly type: 'answer'; readonly lane: string; readonly sdp: string }
  | {
      readonly type: 'candidate';
      readonly lane: string;
      readonly candidate: string;
      readonly sdpMid: string | null;
      readonly sdpMLineIndex: number | null;
    }
  | { readonly type: 'end-of-candidates'; readonly lane: string }
  | { readonly type: 'bye'; readonly code: string };
