import type { EntryId } from '#protocol/entry.ts';
import { TransferError, type TransferErrorCode } from '#protocol/errors.ts';
import { DeliveryFiles } from './delivery-files.ts';
import type { OpfsAnswer, OpfsCall } from './opfs-calls.ts';
import { OpfsFile } from './opfs-file.worker.ts';
import { filesOf } from './transfer-place.ts';

let handles: readonly OpfsFile[] = [];
let files: DeliveryFiles | null = null;

interface Answered {
  readonly held?: readonly EntryId[];
  readonly bytes?: Uint8Array<ArrayBuffer>;
}

async function answer(call: OpfsCall): Promise<Answered> {
  if (call.type === 'open') await open(call);
  else if (call.type === 'close') close();
  else if (files === null) throw new TransferError('internal', `${call.type} before open`);
  else return carryOut(files, call);
  return {};
}

async function open({ placeId, layout }: OpfsCall & { type: 'open' }): Promise<void> {
  const place = await filesOf(placeId);
  try {
    const body = await OpfsFile.open(place.body);
    handles = [body];
    const journal = await OpfsFile.open(place.journal);
    handles = [body, journal];
    files = new DeliveryFiles(body, journal, layout);
  } catch (error) {
    close();
    throw error;
  }
}

function close(): void {
  files = null;
  for (const handle of handles) handle.close();
  handles = [];
}

function carryOut(open: DeliveryFiles, call: Exclude<OpfsCall, { type: 'open' | 'close' }>): Answered {
  switch (call.type) {
    case 'read':
      return { bytes: open.read(call.entry, call.offset, call.lengthBytes) };
    case 'write':
      open.write(call.entry, call.offset, call.bytes, call.leaf);
      return {};
    case 'commit':
      open.commit(call.entry);
      return {};
    case 'discard':
      open.discard(call.entry);
      return {};
    case 'flush':
      for (const handle of handles) handle.flush();
      return {};
    case 'finish': {
      // Whether or not it goes well: a second time would move again what was moved.
      files = null;
      try {
        return { held: open.finish(call.isArchive) };
      } finally {
        close();
      }
    }
  }
}

function codeOf(error: unknown): TransferErrorCode {
  if (error instanceof TransferError) return error.code;
  return error instanceof DOMException && error.name === 'QuotaExceededError' ? 'disk-full' : 'sink-failed';
}

function detailOf(error: unknown): string {
  return error instanceof TransferError ? error.message : String(error);
}

// One after another: opening takes its time, and a write may already wait behind it.
let last: Promise<unknown> = Promise.resolve();
self.onmessage = ({ data }: MessageEvent<OpfsCall>) => {
  last = last
    .then(() => answer(data))
    .then(
      ({ held = [], bytes = null }): OpfsAnswer => ({ ok: true, held, bytes }),
      (error: unknown): OpfsAnswer => ({ ok: false, code: codeOf(error), detail: detailOf(error) }),
    )
    .then((reply) => self.postMessage(reply, reply.ok && reply.bytes ? [reply.bytes.buffer] : []));
};
