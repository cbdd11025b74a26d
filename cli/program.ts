import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { TransferError } from '#protocol/errors.ts';
import packageJson from '../package.json' with { type: 'json' };
import type { Output } from './events.ts';
import { EXIT, sayFailure } from './failure.ts';
import { HumanOutput } from './human-output.ts';
import { JsonOutput } from './json-output.ts';
import { receive } from './receive.ts';
import { send } from './send.ts';
import { serve } from './serve.ts';
import { verify } from './verify.ts';

/**
 * Runs one command line. @returns the exit status
 * @param args without the program's own name
 * @param signal aborted when the person interrupts
 */
export async function run(args: readonly string[], signal: AbortSignal): Promise<number> {
  // Known before the command line is: its own errors are said in the form that was asked for.
  const options = args.slice(0, args.includes('--') ? args.indexOf('--') : undefined);
  const output: Output = options.includes('--json') ? new JsonOutput() : new HumanOutput();
  let status: number = EXIT.ok;
  const program = buildProgram(output, signal, (code) => {
    status = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return sayUsage(output, error, helpOf(program, args));
    if (!signal.aborted) return sayFailure(output, error);
    sayFailure(output, new TransferError('cancelled', 'cancelled', { cause: error }));
    return EXIT.interrupted;
  }
}

function sayUsage(output: Output, { code, exitCode, message }: CommanderError, help: string): number {
  // Help and version have been printed, and are no error.
  if (exitCode === 0) return EXIT.ok;
  if (code === 'commander.help') return EXIT.usage;
  const what = message
    .replace(/^error: /, '')
    .replace(/\.$/, '')
    .replace(/\s+/g, ' ');
  return sayFailure(output, new TransferError('usage', `${what}; see ${help}`));
}

function helpOf(program: Command, [first]: readonly string[]): string {
  const command = program.commands.find((known) => known.name() === first);
  return command ? `sallyport ${command.name()} --help` : 'sallyport --help';
}

function buildProgram(output: Output, signal: AbortSignal, setStatus: (status: number) => void): Command {
  const program = new Command('sallyport')
    .description(
      'Files from one computer to another: directly, encrypted end to end, through your own server.',
    )
    .version(packageJson.version)
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  const json = () => new Option('--json', 'print one JSON object a line on standard output');
  const noTcp = () => new Option('--no-tcp', 'data channels only: no TCP to other terminals');
  const server = () =>
    new Option('--server <url>', 'your Sallyport server (or the environment: SALLYPORT_SERVER)');
  const action =
    <Args extends unknown[]>(task: (...args: Args) => Promise<number>) =>
    async (...args: Args) =>
      setStatus(await task(...args));

  program
    .command('send')
    .description('offer files and folders; prints a link and a code to hand over')
    .argument('[path...]', 'files and folders to offer; the same ones again keep an unfinished link')
    .addOption(server())
    .option('--keep', 'keep offering after the first receiver has everything')
    .option('--resume', 'offer the latest unfinished share again, by the same link')
    .addOption(noTcp())
    .addOption(json())
    .action(action((paths: string[], options) => send(paths, options, output, signal)));

  program
    .command('receive')
    .description('save what a link or a code offers')
    .argument('[link-or-code]', 'else SALLYPORT_CODE, else the first line of standard input')
    .option('-o, --output <dir>', 'folder to save into', '.')
    .option('-y, --yes', 'take everything without asking')
    .addOption(noTcp())
    .addOption(server())
    .addOption(json())
    .action(action((target: string | undefined, options) => receive(target, options, output, signal)));

  program
    .command('verify')
    .description('read again what was received, and say whether it still is what was sent')
    .argument('[path...]', 'files and folders, else the current folder')
    .addOption(json())
    .action(action((paths: string[]) => verify(paths, output, signal)));

  program
    .command('serve')
    .description('run the server: page, signaling and STUN in one process')
    .option('--host <address>', 'address to listen at', '::')
    .option('--port <number>', 'port of page and signaling, 0 for any free one', parsePort, 8080)
    .option('--stun-port <number>', 'port of STUN, UDP and TCP, 0 for any free one', parsePort, 3478)
    .option('--tls-cert <file>', 'certificate in PEM; with --tls-key')
    .option('--tls-key <file>', 'its private key in PEM')
    .option('--tls <auto>', 'auto: make a self-signed certificate and print its fingerprint')
    .option(
      '--trust-proxy <address...>',
      'proxies, as addresses or networks, whose X-Forwarded-For is believed',
    )
    .addOption(json())
    .action(action((options) => serve(options, output, signal)));

  for (const command of program.commands) command.exitOverride().configureOutput({ outputError: () => {} });
  return program;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}
