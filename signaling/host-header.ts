const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?$/;

/** The name by which a client reached us; IPv6 stands in brackets. */
export interface OwnHost {
  readonly hostname: string;
  /** With the port, where one was given. */
  readonly host: string;
}

/** Reads a Host header strictly: it goes into a CSP and into STUN addresses. */
export function parseHost(header: string | undefined): OwnHost | null {
  if (header === undefined || header.length > 260 || !HOST.test(header)) return null;
  const url = parseUrl(`http://${header}`);
  return url && { hostname: url.hostname, host: header.toLowerCase() };
}

/** Whether a page at `origin` belongs to us. Tools that are no browser send no Origin, and hold no one's cookies either. */
export function isOwnOrigin(origin: string | undefined, hostHeader: string | undefined): boolean {
  if (origin === undefined) return true;
  const page = parseUrl(origin);
  if (page === null || parseHost(hostHeader) === null) return false;
  if (page.protocol !== 'http:' && page.protocol !== 'https:') return false;
  // Parsing the Host under the page's scheme drops a default port on both sides alike.
  return parseUrl(`${page.protocol}//${hostHeader}`)?.host === page.host;
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
