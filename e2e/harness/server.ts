import { type ProgramOptions, startProgram } from './program.ts';

/** A real `sallyport serve` on loopback: page, signaling and STUN. */
export interface Server extends AsyncDisposable {
  /** Where its page is, without a slash at the end. */
  readonly url: string;
  /** Its STUN server, as host:port. */
  readonly stun: string;
  stderr(): string;
  /** Ends it and waits until it is gone. */
  stop(): Promise<void>;
  /** Ends it without a word. */
  kill(): Promise<void>;
}

/** @param args what `serve` is told besides, such as `--tls auto`, or another `--port` */
export async function startServer(
  args: readonly string[] = [],
  options: ProgramOptions = {},
): Promise<Server> {
  const defaults = ['serve', '--json', '--host', '127.0.0.1', '--port', '0', '--stun-port', '0'];
  const program = startProgram([...defaults, ...args], options);
  const stop = async (): Promise<void> => void (await program.stop());
  try {
    const { url, stun } = await program.waitFor('listening');
    return {
      url: url.replace(/\/$/, ''),
      stun,
      stderr: program.stderr,
      stop,
      kill: async () => void (await program.stop('SIGKILL')),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
