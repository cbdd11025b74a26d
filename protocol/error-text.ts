import type { TransferErrorCode } from './errors.ts';

/** The one place where a code becomes a sentence for people: what happened, and what to do. */
export function errorText(code: TransferErrorCode): string {
  return SENTENCES[code];
}

const SENTENCES: Record<TransferErrorCode, string> = {
  'link-malformed': 'This is not a complete Sallyport link. Ask for it again and copy all of it.',
  'code-malformed':
    'This is not a Sallyport code: it looks like 4821-apple-river-stone. Check the words and try again.',
  'wrong-code': 'The code is not right. Check it with the sender and type it again.',
  'code-used': 'This code has been used up. Ask the sender for a new one, or for the link.',
  'sender-gone': 'The sender is not there. Ask them to open their page or start their command again.',
  'room-full': 'Too many people are receiving this share at once. Try again in a few minutes.',
  'room-taken': 'Somebody else holds this share at the server. Start a new share.',
  'rate-limited': 'Too many attempts from this address. Wait a minute and try again.',
  'server-unreachable': 'The server cannot be reached. Check its address and your connection.',
  'server-refused': 'The server refused the request. It may not serve your address.',
  'server-full': 'The server has no room for this just now. Try again in a few minutes.',
  'insecure-origin':
    'This page was opened over plain http, where browsers withhold encryption and storage: open it over https, or on the server itself at its localhost address.',
  'version-mismatch': 'The other side speaks another version of Sallyport. Update both to the same version.',
  tampered:
    'Somebody between you changed the messages. Nothing was sent; do not trust this server or network.',
  impostor: 'Whoever answered at this link is not the one who made it. Nothing was accepted.',
  'protocol-violation':
    'The other side sent something that makes no sense. The transfer was ended to keep your files safe.',
  'no-route': 'No way through was found between the two networks. Try another network on either side.',
  'connection-lost':
    'The connection to the other side was lost. What had arrived is safe; open the link again.',
  'peer-silent': 'The other side has gone silent.',
  'nothing-to-send': 'There is nothing to send: no file or folder was found.',
  'manifest-too-large':
    'That is more files than one share can hold (1,000,000). Pack them into an archive first.',
  'unsafe-path': 'A file has a name that cannot be saved safely.',
  'source-unreadable': 'A file cannot be read at the sender: it was moved, deleted, or may not be opened.',
  'source-changed':
    'A file changed at the sender while it was being sent. Ask for it again when it is finished.',
  damaged: 'A file arrived damaged three times in a row and was given up.',
  'disk-full': 'There is not enough free space to save this. Free some space and try again.',
  'sink-failed': 'A file could not be saved where it should go.',
  declined: 'The receiver declined.',
  cancelled: 'The transfer was cancelled.',
  usage: 'The command line is not right. See --help.',
  internal: 'Sallyport made a mistake. What had arrived is safe; please report this.',
};
