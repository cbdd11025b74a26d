/** The two ends of a session: who offers files and who takes them. */
export type Role = 'sender' | 'receiver';

/** How a role is written in what is hashed, authenticated and signed. */
export const ROLE_TAG = { sender: 'S', receiver: 'R' } as const;

export function otherRole(role: Role): Role {
  return role === 'sender' ? 'receiver' : 'sender';
}
