/**
 * Ensures the programs that the tests use and npm cannot bring: installs what is missing where it may, saying so.
 * Costs milliseconds when nothing is missing.
 */
import './node-version.mjs';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './child.mjs';
import { findChromium, findProgram } from './find-program.mjs';
import { prepareDependencies, root } from './prepare.mjs';
import { Complaint, main, say, secondsSince } from './talk.mjs';

const INSTALL_TIMEOUT_MS = 10 * 60_000;
const POLICY = '/usr/sbin/policy-rc.d';

/** What is needed, its Debian package, and which of the test runners need it. */
const PROGRAMS = [
  {
    name: 'chromium',
    debian: 'chromium',
    runners: ['e2e'],
    isThere: hasChromium,
    elsewhere: installPlaywrightChromium,
  },
  { name: 'turnutils_stunclient', debian: 'coturn', runners: ['unit'] },
  { name: 'stun', debian: 'stun-client', runners: ['unit'] },
  ...['nft:nftables', 'ip:iproute2', 'conntrack', 'ethtool', 'ping:iputils-ping', 'cc:gcc']
    .map((entry) => entry.split(':'))
    .map(([name, debian = name]) => ({ name, debian, runners: ['unit', 'e2e'] })),
  { name: 'miniupnpd', debian: 'miniupnpd-nftables', runners: ['unit'] },
  { name: 'upnpc', debian: 'miniupnpc', runners: ['unit'] },
  { name: 'iperf3', debian: 'iperf3', runners: ['unit'] },
  { name: 'tcpdump', debian: 'tcpdump', runners: ['e2e'] },
  { name: 'tmux', debian: 'tmux', runners: ['unit', 'e2e'] },
  { name: 'unzip', debian: 'unzip', runners: ['e2e'] },
  { name: 'script', debian: 'bsdutils', runners: ['e2e'] },
  { name: 'fsfreeze', debian: 'util-linux', runners: ['e2e'] },
  { name: 'mkfs.ext4', debian: 'e2fsprogs', runners: ['e2e'] },
];

/**
 * Call prepareDependencies first.
 * @param {string[]} runners those that are about to run
 * @throws {Complaint} naming what could neither be found nor installed
 */
export async function ensureSystemPackages(runners) {
  const missing = await missingAmong(
    PROGRAMS.filter((program) => program.runners.some((name) => runners.includes(name))),
  );
  if (missing.length === 0) return;
  say(`Not found: ${missing.map(nameWithPackage).join(', ')}.`);
  if (mayUseApt()) await installByApt(missing.map(({ debian }) => debian));
  for (const { elsewhere } of await missingAmong(missing)) await elsewhere?.();
  const stillMissing = await missingAmong(missing);
  if (stillMissing.length > 0) {
    throw new Complaint(
      `The tests need ${stillMissing.map(nameWithPackage).join(', ')}, which could not be installed from here: install that and run them again.`,
    );
  }
}

async function missingAmong(programs) {
  const found = await Promise.all(
    programs.map(({ name, isThere }) => (isThere ? isThere() : findProgram(name))),
  );
  return programs.filter((_, index) => !found[index]);
}

const nameWithPackage = ({ name, debian }) => (name === debian ? name : `${name} (Debian package ${debian})`);

async function hasChromium() {
  if (findChromium()) return true;
  const { chromium } = await import('@playwright/test');
  return existsSync(chromium.executablePath());
}

const isRoot = () => process.getuid?.() === 0;
const mayUseApt = () => process.platform === 'linux' && isRoot() && findProgram('apt-get') !== undefined;

/** One by one, as apt installs nothing at all when it does not know one of several names. */
async function installByApt(packages) {
  await withoutStartingServices(async () => {
    await apt('Reading the package lists', ['update']);
    for (const name of packages) {
      await apt(`Installing ${name} with apt-get`, ['install', '--no-install-recommends', '-y', name]);
    }
  });
  // coturn brings a server that would come up with the machine from now on; only its client is wanted.
  if (packages.includes('coturn') && findProgram('systemctl')) {
    await attempt('systemctl', ['disable', '--quiet', 'coturn.service']);
  }
}

async function apt(what, args) {
  say(`${what} …`);
  const startedMs = performance.now();
  const patience = [
    '-q',
    '-o',
    'DPkg::Lock::Timeout=120',
    '-o',
    'Acquire::Retries=1',
    '-o',
    'Acquire::http::Timeout=30',
  ];
  const { status, output } = await attempt('apt-get', [...patience, ...args], {
    DEBIAN_FRONTEND: 'noninteractive',
  });
  say(status === 0 ? `Done in ${secondsSince(startedMs)}.` : `It failed: ${reason(output)}`);
}

/** Debian asks this file before it starts the service of a package it installs; one that is there already is kept. */
async function withoutStartingServices(work) {
  if (existsSync(POLICY)) return work();
  const remove = () => rmSync(POLICY, { force: true });
  process.once('exit', remove);
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return await work();
  } finally {
    process.off('exit', remove);
    remove();
  }
}

async function installPlaywrightChromium() {
  say("Installing Playwright's own Chromium …");
  const startedMs = performance.now();
  const cli = join(root, 'node_modules', '@playwright', 'test', 'cli.js');
  const withLibraries = mayUseApt() ? ['--with-deps'] : [];
  const { status, output } = await attempt(process.execPath, [cli, 'install', ...withLibraries, 'chromium']);
  say(status === 0 ? `Done in ${secondsSince(startedMs)}.` : `It failed: ${reason(output)}`);
}

/** Runs an installer whose failure is not the end: what counts is whether the program is there afterwards. */
async function attempt(command, args, env = {}) {
  try {
    return await run(command, args, { stdio: 'pipe', env, timeoutMs: INSTALL_TIMEOUT_MS });
  } catch (error) {
    return { status: null, output: String(error) };
  }
}

function reason(output) {
  const lines = output.trim().split('\n');
  return lines.findLast((line) => /^E:|error/i.test(line)) ?? lines.at(-1);
}

await main(import.meta.filename, async () => {
  await prepareDependencies();
  await ensureSystemPackages(['unit', 'e2e']);
});
