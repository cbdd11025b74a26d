import type { Gathering } from './gathering.ts';

/** What Chromium has beyond the types that come with TypeScript. */
interface KeepableHandle extends FileSystemHandle {
  requestPermission?(descriptor: { mode: 'read' }): Promise<PermissionState>;
}
interface HandingItem extends DataTransferItem {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
}
interface PickingWindow {
  showOpenFilePicker?(options: { multiple: true }): Promise<FileSystemFileHandle[]>;
}

/**
 * What was dropped, as a page may keep hold of it over a reload; null where the browser does not let it. To be called
 * within the event: afterwards the items are empty.
 */
export async function droppedHandles(
  items: Iterable<DataTransferItem>,
): Promise<readonly FileSystemHandle[] | null> {
  const asked = Array.from(items)
    .filter(({ kind }) => kind === 'file')
    .map(async (item: HandingItem) => (await item.getAsFileSystemHandle?.()) ?? null);
  const handles = await Promise.all(asked).catch(() => [null]);
  const kept = handles.flatMap((handle) => handle ?? []);
  return kept.length > 0 && kept.length === handles.length ? kept : null;
}

/** Lets a person choose files; null where they chose none. @throws where the browser has no such picker, or not here */
export async function pickHandles(): Promise<readonly FileSystemFileHandle[] | null> {
  const { showOpenFilePicker } = globalThis as PickingWindow;
  if (showOpenFilePicker === undefined) throw new Error('no such picker');
  try {
    return await showOpenFilePicker({ multiple: true });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return null;
    throw error;
  }
}

/** Asks the person, where the browser wants it, and reads what they once dropped or picked. To be called on a click. */
export async function gatherHandles(
  gathering: Gathering,
  handles: readonly FileSystemHandle[],
): Promise<void> {
  const allowed: FileSystemHandle[] = [];
  for (const handle of handles as readonly KeepableHandle[]) {
    const permission = await handle.requestPermission?.({ mode: 'read' });
    if (permission === undefined || permission === 'granted') allowed.push(handle);
    else gathering.skip(handle.name);
  }
  for (const handle of allowed) {
    const path = gathering.topName(handle.name, isFolder(handle) ? 'folder' : 'file');
    if (isFolder(handle)) await gatherFolder(gathering, handle, path);
    else await gatherFile(gathering, handle as FileSystemFileHandle, path);
  }
}

async function gatherFolder(
  gathering: Gathering,
  root: FileSystemDirectoryHandle,
  rootPath: string,
): Promise<void> {
  const waiting = [{ folder: root, path: rootPath }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { folder, path } = next;
    gathering.add(path, null);
    const children = await childrenOf(folder).catch(() => null);
    if (children === null) gathering.skip(path);
    for (const child of children ?? []) {
      const childPath = `${path}/${child.name}`;
      if (isFolder(child)) waiting.push({ folder: child, path: childPath });
      else await gatherFile(gathering, child as FileSystemFileHandle, childPath);
    }
  }
}

async function childrenOf(folder: FileSystemDirectoryHandle): Promise<FileSystemHandle[]> {
  const children: FileSystemHandle[] = [];
  for await (const child of folder.values()) children.push(child);
  return children.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function gatherFile(gathering: Gathering, handle: FileSystemFileHandle, path: string): Promise<void> {
  const file = await handle.getFile().catch(() => null);
  if (file === null) gathering.skip(path);
  else gathering.add(path, file);
}

function isFolder(handle: FileSystemHandle): handle is FileSystemDirectoryHandle {
  return handle.kind === 'directory';
}
