import type { Download } from './page-sink.ts';

/** Hands a file to the browser's downloads, under its name. */
export function saveDownload({ fileName, content }: Download): void {
  const anchor = document.createElement('a');
  anchor.href = URL.createObjectURL(content);
  anchor.download = fileName;
  // Not revoked: nothing tells when the browser has read it, and it goes with the page.
  anchor.click();
}
