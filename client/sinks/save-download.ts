import type { Download } from './page-sink.ts';

/** Hands a file to the browser's downloads, under its name. Nothing tells when the browser has read it. */
export function saveDownload({ fileName, content }: Download): () => void {
  const anchor = document.createElement('a');
  const url = URL.createObjectURL(content);
  anchor.href = url;
  anchor.download = fileName;
  anchor.click();
  return () => URL.revokeObjectURL(url);
}
