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
  try {
    files?.note();
  } catch {
    // What the journal does not say is read or fetched again.
  }
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
      open.note();
      for (const handle of handles) handle.flush();
      return {};
    case 'finish': {
      open.note();
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

async function answerTo(call: OpfsCall): Promise<OpfsAnswer> {
  try {
    const { held = [], bytes = null } = await answer(call);
    return { ok: true, held, bytes };
  } catch (error) {
    return refusal(error);
  }
}

const refusal = (error: unknown): OpfsAnswer => ({ ok: false, code: codeOf(error), detail: detailOf(error) });

async function answerAll(calls: readonly OpfsCall[]): Promise<void> {
  let answers: OpfsAnswer[] = [];
  for (const call of calls) answers.push(await answerTo(call));
  try {
    files?.note();
  } catch (error) {
    answers = answers.map((before) => (before.ok ? refusal(error) : before));
  }
  const given = answers.flatMap((one) => (one.ok && one.bytes ? one.bytes.buffer : []));
  self.postMessage(answers, given);
}

// One after another: opening takes its time, and a write may already wait behind it.
let last: Promise<unknown> = Promise.resolve();
self.onmessage = ({ data }: MessageEvent<readonly OpfsCall[]>) => {
  last = last.then(() => answerAll(data));
};
