import type { Gathering } from './gathering.ts';

/** Takes what a file input holds; with `webkitdirectory` every file knows its path, and folders only show in those. */
export function gatherPicked(gathering: Gathering, files: Iterable<File>): void {
  const folders = new Set<string>();
  for (const file of files) {
    if (file.webkitRelativePath === '') {
      gathering.add(gathering.topName(file.name, 'file'), file);
      continue;
    }
    const path = file.webkitRelativePath;
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const folder = path.slice(0, slash);
      if (folders.has(folder)) continue;
      folders.add(folder);
      gathering.add(folder, null);
    }
    gathering.add(path, file);
  }
}
