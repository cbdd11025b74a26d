import type { ServerResponse } from 'node:http';
import type { OwnHost } from './host-header.ts';

const CLOSED_FEATURES = [
  'accelerometer',
  'autoplay',
  'bluetooth',
  'camera',
  'display-capture',
  'encrypted-media',
  'geolocation',
  'gyroscope',
  'hid',
  'magnetometer',
  'microphone',
  'midi',
  'payment',
  'publickey-credentials-get',
  'serial',
  'usb',
  'xr-spatial-tracking',
];
const PERMISSIONS = CLOSED_FEATURES.map((feature) => `${feature}=()`).join(', ');

/** On every response, errors included. `host` is null where the Host header cannot be quoted. */
export function setSecurityHeaders(response: ServerResponse, host: OwnHost | null): void {
  response.setHeader('Content-Security-Policy', contentSecurityPolicy(host));
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('Permissions-Policy', PERMISSIONS);
}

function contentSecurityPolicy(host: OwnHost | null): string {
  // Safari before 15.4 does not take 'self' to cover WebSockets.
  const sockets = host === null ? '' : ` ws://${host.host} wss://${host.host}`;
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "font-src 'self'",
    "media-src 'self' blob:",
    `connect-src 'self'${sockets}`,
    "worker-src 'self'",
    "manifest-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
