/** Where a program is, without starting anything. */
import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const CHROMIUM_NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const CHROMIUM_ELSEWHERE = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/**
 * @param {string} name
 * @returns {string | undefined} its absolute path, if it is on the PATH
 */
export function findProgram(name) {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/**
 * The system's Chromium or Chrome. Playwright's own is not looked for: Playwright finds it where this is undefined.
 * @returns {string | undefined}
 */
export function findChromium() {
  const onPath = CHROMIUM_NAMES.map(findProgram).filter((path) => path !== undefined);
  return [...onPath, ...CHROMIUM_ELSEWHERE.filter(isExecutable)].find((path) => !isSnapStub(path));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Ubuntu's chromium-browser package holds a script that only says that the snap should be installed. */
function isSnapStub(path) {
  const head = Buffer.alloc(4096);
  const file = openSync(path, 'r');
  try {
    readSync(file, head);
  } finally {
    closeSync(file);
  }
  return head.subarray(0, 2).toString() === '#!' && head.includes('snap install');
}
