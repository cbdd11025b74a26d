import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, realpath, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { base64urlnopad } from '@scure/base';
import * as v from 'valibot';
import type { SavedFile } from '#node-peer/folder-sink.ts';
import { LEAF_BYTES } from '#protocol/leaf-tree.ts';
import { stateFolder } from './state-folder.ts';

const RecordedFile = v.object({
  /** In the delivery's folder. */
  path: v.string(),
  sizeBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** base64url. */
  root: v.pipe(v.string(), v.regex(/^[\w-]{43}$/)),
});
const Delivery = v.object({ folder: v.string(), atMs: v.number(), files: v.array(RecordedFile) });

/** A file of a finished delivery, and what it was verified by. */
export interface ReceivedFile {
  /** Absolute. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly root: Uint8Array;
}

/** Notes what was received, for `sallyport verify`. @param folder that it was saved in, which `files` are relative to */
export async function recordReceived(folder: string, files: readonly SavedFile[]): Promise<void> {
  const recorded = files.filter(({ root }) => root.length === LEAF_BYTES);
  if (recorded.length === 0) return;
  const delivery: v.InferOutput<typeof Delivery> = {
    folder: await realpath(folder),
    atMs: Date.now(),
    files: recorded.map(({ path, sizeBytes, root }) => ({
      path,
      sizeBytes,
      root: base64urlnopad.encode(root),
    })),
  };
  await mkdir(receivedFolder(), { recursive: true, mode: 0o700 });
  const path = join(receivedFolder(), `${delivery.atMs}-${base64urlnopad.encode(randomBytes(6))}.json`);
  await writeFile(`${path}.new`, JSON.stringify(delivery), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Every file that was ever noted, by path; of one that was received twice, the last. */
export async function receivedFiles(): Promise<Map<string, ReceivedFile>> {
  const names = await readdir(receivedFolder()).catch(() => []);
  const deliveries: v.InferOutput<typeof Delivery>[] = [];
  for (const name of names.filter((one) => one.endsWith('.json'))) {
    const delivery = await read(join(receivedFolder(), name));
    if (delivery) deliveries.push(delivery);
  }
  deliveries.sort((a, b) => a.atMs - b.atMs);
  const files = new Map<string, ReceivedFile>();
  for (const { folder, files: recorded } of deliveries) {
    for (const { path: place, sizeBytes, root } of recorded) {
      const path = join(folder, place);
      files.set(path, { path, sizeBytes, root: base64urlnopad.decode(root) });
    }
  }
  return files;
}

function receivedFolder(): string {
  return join(stateFolder(), 'received');
}

async function read(path: string): Promise<v.InferOutput<typeof Delivery> | null> {
  try {
    const parsed = v.safeParse(Delivery, JSON.parse(await readFile(path, 'utf8')));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
