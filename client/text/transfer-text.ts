import type { CodeChange } from '#transport/code-door.ts';
import type { Route } from '#transport/lane.ts';
import type { TransferStatus } from '#transport/transfer-status.ts';

export const ROUTE_TEXT: Record<Route, string> = {
  lan: 'same network',
  direct: 'direct',
  relayed: 'relayed',
};

export const ROUTE_HELP: Record<Route, string> = {
  lan: 'Straight across the network that both devices are in.',
  direct: 'Straight from one device to the other, through the walls between their networks.',
  relayed: 'Through a relay, which sees only encrypted bytes: no straight way was found.',
};

export type PausedBy = 'nobody' | 'here' | 'there' | 'both';

export function pausedBy({ here, there }: TransferStatus['paused']): PausedBy {
  if (here) return there ? 'both' : 'here';
  return there ? 'there' : 'nobody';
}

/** How bytes flow, or who holds them up. */
export const PAUSED_TEXT: Record<'receiving' | 'sending', Record<PausedBy, string>> = {
  receiving: {
    nobody: 'Receiving',
    here: 'Paused by you',
    there: 'Paused by the sender',
    both: 'Paused by you and by the sender',
  },
  sending: {
    nobody: 'is receiving',
    here: 'is held up: you paused it',
    there: 'has paused it',
    both: 'has paused it, and so have you',
  },
};

/** Who holds one file up. */
export const PAUSED_FILE_TEXT: Record<
  'receiving' | 'sending',
  Record<Exclude<PausedBy, 'nobody'>, string>
> = {
  receiving: {
    here: 'paused by you',
    there: 'paused by the sender',
    both: 'paused by both sides',
  },
  sending: {
    here: 'paused by you',
    there: 'paused by them',
    both: 'paused by both sides',
  },
};

/** Why the code on the screen is not the one of before; `null`s are codes without a successor. */
export const CODE_CHANGE_TEXT: Record<CodeChange, { readonly replaced: string; readonly gone: string }> = {
  opened: { replaced: '', gone: '' },
  used: {
    replaced: 'The code before was used. This is a new one.',
    gone: 'The code was used: each serves one person.',
  },
  burnt: {
    replaced: 'Somebody guessed wrong three times, so the code before was burnt. This is a new one.',
    gone: 'Somebody guessed wrong too often, so the code was burnt. The link is safe and still works.',
  },
  expired: {
    replaced: 'The code before had expired. This is a new one.',
    gone: 'The code has expired.',
  },
};
