/** How the scripts speak to people: short lines on standard error, and one sentence when something cannot be done. */
import { realpathSync } from 'node:fs';

/** An expected failure; its message is the sentence that the person needs, and no stack is shown. */
export class Complaint extends Error {}

/** @param {string} line */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/** @param {number} sinceMs a reading of performance.now() */
export function secondsSince(sinceMs) {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
}

/**
 * Runs a script's body if it was the script that Node was asked to run and not merely imported. A Complaint becomes
 * its sentence, any other error its stack, both exit status 1.
 * @param {string} script the caller's import.meta.filename
 * @param {() => Promise<void>} body
 */
export async function main(script, body) {
  if (realpathSync(process.argv[1]) !== script) return;
  try {
    await body();
  } catch (error) {
    say(error instanceof Complaint ? error.message : String(error?.stack ?? error));
    process.exitCode = 1;
  }
}
