import { ProtocolViolation, TransferError } from '../errors.ts';
import { type Envelope, unwrap, wrap } from './envelope.ts';
import type { Secret } from './secret.ts';

/**
 * Why a sender ends a run: it speaks no common version; it has another handshake under way; the code made its session
 * or burnt; the receiver's confirmation failed.
 */
export type RefusalCode = 'version-mismatch' | 'busy' | 'code-used' | 'failed';

const CODE_BYTE = { 'version-mismatch': 1, busy: 2, 'code-used': 3, failed: 4 } as const;
const CODES = new Map<number | undefined, RefusalCode>(
  Object.entries(CODE_BYTE).map(([name, byte]) => [byte, name as RefusalCode]),
);

/** Answers a message with a refusal of the run it belongs to. @throws ProtocolViolation */
export function refuse(message: Uint8Array, code: RefusalCode): Uint8Array<ArrayBuffer> {
  return wrap('refuse', unwrap(message).sid, Uint8Array.of(CODE_BYTE[code]));
}

/**
 * What a refusal means to the receiver. Nobody has signed it: it may end a run early and may mean nothing more.
 * @throws ProtocolViolation
 */
export function refusalError({ body }: Envelope, mode: Secret['mode']): TransferError {
  const code = body.length === 1 ? CODES.get(body[0]) : undefined;
  if (code === undefined) throw new ProtocolViolation('a refusal without a known reason');
  const failed = mode === 'code' ? 'wrong-code' : 'tampered';
  const reasons = {
    failed,
    busy: 'room-full',
    'code-used': 'code-used',
    'version-mismatch': 'version-mismatch',
  } as const;
  return new TransferError(reasons[code], `the sender refused: ${code}`, { source: 'remote' });
}
