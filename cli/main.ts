#!/usr/bin/env node
import { run } from './program.ts';

/** A second Ctrl-C does not wait for farewells. */
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(130);
    interruption.abort();
  });
}

// `sallyport … | head`: whoever reads no further has heard enough, and the transfer goes on.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

const status = await run(process.argv.slice(2), interruption.signal);
// The native ICE threads would keep the process; what was written must leave first.
process.stdout.write('', () => process.exit(status));
