import type { ServerResponse } from 'node:http';
import type { OwnHost } from './host-header.ts';

const CLOSED_FEATURES = [
  'accelerometer',
  'autoplay',
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

/** CSP Level 3's host-part and port-part. */
const NAMEABLE = /^[a-z0-9.-]+(?::\d+)?$/;

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
  // Safari before 15.4 does not take 'self' to cover WebSockets. A policy cannot name an IPv6 address.
  const sockets = host === null || !NAMEABLE.test(host.host) ? '' : ` ws://${host.host} wss://${host.host}`;
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
