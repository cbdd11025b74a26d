import type { CliEvent, Output } from './events.ts';

/** One JSON object a line on standard output, nothing else. */
export class JsonOutput implements Output {
  say(event: CliEvent): void {
    process.stdout.write(`${JSON.stringify(event)}\n`);
  }
}
