import { type Program, type ProgramOptions, startProgram } from './program.ts';

/**
 * `sallyport send|receive ARGS --json --server URL` in a terminal's place; `receive` takes all that is offered.
 * @param args the command first
 */
export function sallyport(
  serverUrl: string,
  args: readonly [command: 'send' | 'receive', ...rest: string[]],
  options: ProgramOptions = {},
): Program {
  const [command, ...rest] = args;
  return startProgram([command, '--json', '--server', serverUrl, ...rest], options);
}
