import { COMMANDS, type Invocation, readArguments, USAGE, UsageError } from './command-line.ts';
import { runDemo } from './demo/demo.ts';
import { type Lab, openLab } from './lab.ts';
import { residentsOf } from './residents.ts';
import { installCommand, startServices } from './services.ts';
import { measureSetUp } from './set-up-time.ts';
import { runShell } from './shell.ts';
import { whoIsWhere } from './where.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main({ command, network }: Invocation): Promise<void> {
  switch (command) {
    case 'help':
      return say(USAGE.trimEnd());
    case 'time':
      return say(await measureSetUp(network));
    case 'demo':
      return runDemo(network, {
        width: process.stdout.columns,
        hasColour: process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined,
        say,
        progress: (text) => void process.stderr.write(`${text}\n`),
      });
    case 'shell': {
      await using lab = await openLab(network);
      await shell(lab, residentsOf(network));
    }
  }
}

async function shell(lab: Lab, residents: ReturnType<typeof residentsOf>): Promise<void> {
  const [services, programs] = await Promise.all([startServices(lab), installCommand(lab)]);
  await runShell({
    lab,
    residents,
    programs,
    env: { SALLYPORT_SERVER: services.url },
    input: process.stdin,
    output: process.stdout,
    where: () => whoIsWhere(lab, residents, services),
  });
}

try {
  await main(await readArguments(process.argv.slice(2)));
} catch (error) {
  // A description that contradicts itself says so in a sentence for whoever wrote it.
  const isUsage = error instanceof UsageError || error instanceof RangeError;
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  if (isUsage) process.stderr.write(`npm run natlab -- ${COMMANDS.join('|')} NETWORK... [LINK], or --help\n`);
  process.exitCode = isUsage ? 2 : 1;
}
