import { TransferError } from '#protocol/errors.ts';

/**
 * The server a command talks to: `--server`, else SALLYPORT_SERVER. Ends with a slash.
 * @throws TransferError `usage`
 */
export function serverAddress(option: string | undefined): string {
  const text = option ?? process.env['SALLYPORT_SERVER'];
  if (!text) {
    throw new TransferError(
      'usage',
      'name your server with --server https://… or in the environment as SALLYPORT_SERVER',
    );
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new TransferError('usage', `--server takes an address like https://sallyport.example, not ${text}`);
  }
  if (!['http:', 'https:'].includes(url.protocol))
    throw new TransferError('usage', '--server takes an http or https address');
  // It would stand in every link, for everyone to see.
  if (url.username || url.password) throw new TransferError('usage', '--server takes no name or password');
  url.hash = '';
  url.search = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url.href;
}
