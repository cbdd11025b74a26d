/** Flips a byte of the one container that the page's private file system holds. Runs inside a page, so it stands alone. */
export async function flipInPrivateFiles(offset: number): Promise<void> {
  const containers: FileSystemFileHandle[] = [];
  const look = async (folder: FileSystemDirectoryHandle): Promise<void> => {
    for await (const handle of folder.values()) {
      if (handle instanceof FileSystemDirectoryHandle) await look(handle);
      else if (handle.name === 'body') containers.push(handle as FileSystemFileHandle);
    }
  };
  await look(await navigator.storage.getDirectory());
  const [container] = containers;
  if (container === undefined || containers.length > 1)
    throw new Error(`There are ${containers.length} containers.`);
  const byte = new Uint8Array(await (await container.getFile()).slice(offset, offset + 1).arrayBuffer());
  const writing = await container.createWritable({ keepExistingData: true });
  await writing.write({ type: 'write', position: offset, data: Uint8Array.of((byte[0] ?? 0) ^ 1) });
  await writing.close();
}
