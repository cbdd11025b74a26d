import type { Gathering } from './gathering.ts';

/** What was dropped or pasted, still to be read. */
export type DroppedRoots = readonly (File | FileSystemDirectoryEntry)[];

/** Takes hold of what was dropped or pasted. To be called within the event: afterwards the items are empty. */
export function droppedRoots(items: Iterable<DataTransferItem>): DroppedRoots {
  const roots: (File | FileSystemDirectoryEntry)[] = [];
  for (const item of items) {
    if (item.kind !== 'file') continue;
    const entry = item.webkitGetAsEntry();
    const root = entry !== null && isFolder(entry) ? entry : item.getAsFile();
    if (root !== null) roots.push(root);
  }
  return roots;
}

/** Walks dropped folders, empty ones included. What cannot be read is skipped. */
export async function gatherDropped(gathering: Gathering, roots: DroppedRoots): Promise<void> {
  for (const root of roots) {
    if (root instanceof File) gathering.add(gathering.topName(root.name, 'file'), root);
    else await gatherFolder(gathering, root, gathering.topName(root.name, 'folder'));
  }
}

async function gatherFolder(
  gathering: Gathering,
  root: FileSystemDirectoryEntry,
  rootPath: string,
): Promise<void> {
  const waiting = [{ folder: root, path: rootPath }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { folder, path } = next;
    gathering.add(path, null);
    const children = await readFolder(folder).catch(() => null);
    if (children === null) {
      gathering.skip(path);
      continue;
    }
    const files = await Promise.all(children.filter(isFile).map((child) => readFile(child)));
    for (const { name, file } of files) {
      if (file === null) gathering.skip(`${path}/${name}`);
      else gathering.add(`${path}/${name}`, file);
    }
    for (const child of children.filter(isFolder).reverse()) {
      waiting.push({ folder: child, path: `${path}/${child.name}` });
    }
  }
}

async function readFolder(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const children: FileSystemEntry[] = [];
  for (;;) {
    // Chromium gives at most 100 at a time; only an empty answer is the end.
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (batch.length === 0) break;
    children.push(...batch);
  }
  return children.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function readFile(entry: FileSystemFileEntry): Promise<{ name: string; file: File | null }> {
  const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject)).catch(() => null);
  return { name: entry.name, file };
}

function isFolder(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}
