import { defineConfig, type ReporterDescription } from '@playwright/test';
import { findChromium } from '../scripts/find-program.mjs';

/** Set by `npm test`, which counts from it. */
const reportPath = process.env['SALLYPORT_E2E_REPORT'];
const list: ReporterDescription = ['list'];

/** The system's browser, or Playwright's own where there is none. */
const executablePath = findChromium();
const browser = executablePath === undefined ? { channel: 'chromium' } : { executablePath };

/** Beyond what Playwright passes itself: nothing that talks to the network on its own, and no GPU. */
const QUIET = ['--disable-gpu', '--disable-quic', '--disable-sync'];

/** Chromium obeys the last `--disable-features` only: what keeps Playwright's browser quiet is said again. */
const UNMASKED = [
  'WebRtcHideLocalIpsWithMdns',
  'AimEnabled',
  'DialMediaRouteProvider',
  'HttpsUpgrades',
  'MediaRouter',
  'NetworkTimeServiceQuerying',
  'OptimizationHints',
  'PaintHolding',
  'Translate',
];

const launchOptions = (args: string[]) => ({
  ...browser,
  // As root Chromium refuses to start with its sandbox.
  chromiumSandbox: process.getuid?.() !== 0,
  args: [...QUIET, ...args],
});

export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.ts',
  outputDir: '../test-results',
  workers: 1,
  retries: 0,
  forbidOnly: reportPath !== undefined,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: reportPath === undefined ? [list] : [list, ['json', { outputFile: reportPath }]],
  use: { screenshot: 'only-on-failure' },
  projects: [
    {
      name: 'chromium',
      use: { launchOptions: launchOptions([`--disable-features=${UNMASKED.join(',')}`]) },
    },
    {
      // As people have it: host addresses hide behind `.local` names. Runs the tests tagged @masked once more.
      name: 'chromium-masked',
      grep: /@masked/,
      use: { launchOptions: launchOptions([]) },
    },
  ],
});
