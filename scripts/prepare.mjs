/**
 * Makes a checkout ready to run: the locked packages are installed and dist/ is built from the present sources.
 * Runs before `npm start` and its like. It needs no package itself, writes to standard error only, and costs a
 * fraction of a second when there is nothing to do.
 */
import './node-version.mjs';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { run } from './child.mjs';
import { withLock } from './lock.mjs';
import { Complaint, main, say, secondsSince } from './talk.mjs';

export const root = join(import.meta.dirname, '..');
const lockPath = join(root, '.cache', 'prepare.lock');
const dist = join(root, 'dist');
const stampPath = join(dist, '.stamp');

/** What dist/ is made from. */
const SOURCES = [
  'client',
  'protocol',
  'transport',
  'node-peer',
  'cli',
  'signaling',
  'stun-server',
  'package.json',
  'package-lock.json',
  'vite.config.ts',
  'rolldown.config.ts',
  'tsconfig.base.json',
  'tsconfig.json',
];
const isTest = (name) =>
  /\.(test|testing|contract)\.ts$/.test(name) || ['testdata', 'testing'].includes(name);

/** @throws {Complaint} when the packages cannot be had */
export function prepareDependencies() {
  return whereNeeded(dependenciesAreReady, install);
}

/** Call prepareDependencies first. @throws {Complaint} when the build fails */
export function prepareBuild() {
  return whereNeeded(buildIsReady, build);
}

/** Looks twice: once for free, and once more under the lock, as another run may have done the work meanwhile. */
async function whereNeeded(isReady, work) {
  if (!existsSync(lockPath) && isReady()) return;
  await withLock(lockPath, async (alsoHeldBy) => {
    if (!isReady()) await work(alsoHeldBy);
  });
}

/** What is installed is compared with package-lock.json package by package: file times say nothing after a clone. */
function dependenciesAreReady() {
  const wanted = readPackages('package-lock.json');
  const installed = readPackages('node_modules/.package-lock.json');
  if (!wanted)
    throw new Complaint(
      'package-lock.json is missing or damaged: restore it with git and run the command again.',
    );
  if (!installed) return false;
  const isSame = (path) =>
    installed[path]?.version === wanted[path]?.version &&
    installed[path]?.integrity === wanted[path]?.integrity &&
    existsSync(join(root, path, 'package.json'));
  return (
    Object.keys(installed).every(isSame) &&
    Object.entries(wanted).every(([path, { optional }]) => path === '' || optional || isSame(path)) &&
    nativeBinaryError() === undefined
  );
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** node-datachannel's binary comes in a package per platform; node_modules may have been copied from another one. */
function nativeBinaryError() {
  try {
    createRequire(import.meta.url)('node-datachannel');
    return undefined;
  } catch (error) {
    return error;
  }
}

async function install(alsoHeldBy) {
  say('Installing packages …');
  const startedMs = performance.now();
  // Spelled out against what the environment may say: NODE_ENV=production omits the build tools, `npm -s` the reason.
  const flags = ['--ignore-scripts', '--include=dev', '--include=optional', '--loglevel=error'];
  const { status, signal, output } = await npm(['ci', ...flags], alsoHeldBy);
  if (status !== 0) {
    const reason =
      /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT/.exec(output);
    if (!reason) say(output.split('\n').slice(0, 12).join('\n'));
    throw new Complaint(
      reason
        ? `The packages could not be downloaded (${reason[0]}): connect to the internet, or point npm at a registry within reach, and run the command again.`
        : `\`npm ci\` failed as shown above (${signal ?? status}): mend that and run the command again.`,
    );
  }
  const error = nativeBinaryError();
  if (error) {
    throw new Complaint(
      `node-datachannel has no binary that loads on ${process.platform}-${process.arch} (${String(error.message).split('\n')[0]}): run Sallyport on Linux, macOS or Windows, x64 or arm64.`,
    );
  }
  say(`Installed in ${secondsSince(startedMs)}.`);
}

/** The stamp holds a digest of the sources and one of what was made of them, so that either may change or break. */
function buildIsReady() {
  try {
    const { sources, outputs } = JSON.parse(readFileSync(stampPath, 'utf8'));
    return sources === digest(SOURCES) && outputs === digest(['dist']);
  } catch {
    return false;
  }
}

async function build(alsoHeldBy) {
  say('Building …');
  const startedMs = performance.now();
  const sources = digest(SOURCES);
  rmSync(dist, { recursive: true, force: true });
  const { status, output } = await npm(['run', 'build'], alsoHeldBy);
  if (status !== 0) {
    process.stderr.write(output);
    throw new Complaint('`npm run build` failed as shown above.');
  }
  writeFileSync(`${stampPath}.new`, JSON.stringify({ sources, outputs: digest(['dist']) }));
  renameSync(`${stampPath}.new`, stampPath);
  say(`Built in ${secondsSince(startedMs)}.`);
}

/** The npm that started us where there is one: it need not be the first on the PATH. */
function npm(args, alsoHeldBy) {
  const script = process.env['npm_execpath'];
  const [command, first] = script?.endsWith('npm-cli.js') ? [process.execPath, [script]] : ['npm', []];
  return run(command, [...first, ...args], { cwd: root, stdio: 'pipe', onStart: alsoHeldBy });
}

/** SHA-256 over the names and contents below some paths of the project. */
function digest(paths) {
  const hash = createHash('sha256');
  for (const path of paths) addTo(hash, path);
  return hash.digest('hex');
}

function addTo(hash, path) {
  const absolute = join(root, path);
  const names = listFolder(absolute);
  if (names) {
    for (const name of names) if (!isTest(name)) addTo(hash, `${path}/${name}`);
  } else {
    const content = readFileSync(absolute);
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
}

/** The names in a folder, in order; undefined for a file. The stamp is no output, or it would contain itself. */
function listFolder(path) {
  try {
    return readdirSync(path)
      .filter((name) => !name.startsWith('.stamp'))
      .sort();
  } catch (error) {
    if (error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

await main(import.meta.filename, async () => {
  await prepareDependencies();
  await prepareBuild();
});
