import type { CliEvent, Output } from './events.ts';

/** What JSON lets stand as it is: NEL, LS and PS end a line for some readers, the other controls steer a terminal. */
const LEFT_BY_JSON = /[\u007f-\u009f\u2028\u2029]/g;

/** One JSON object a line on standard output, nothing else. */
export class JsonOutput implements Output {
  say(event: CliEvent): void {
    process.stdout.write(`${JSON.stringify(event).replace(LEFT_BY_JSON, escaped)}\n`);
  }
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
