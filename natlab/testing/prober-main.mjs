// Runs on a machine of a lab: opens sockets as it is told to, one JSON command a line, and tells what they hear.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const sockets = new Map();

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const codeOf = (error) => error.code;

const commands = {
  udp: ({ socket: name, family, port }) =>
    new Promise((resolve, reject) => {
      const socket = createSocket(`udp${family}`).once('error', reject);
      sockets.set(
        name,
        (text, { address, port }) =>
          new Promise((sent, failed) =>
            socket.send(text, port, address, (error) => (error ? failed(error) : sent())),
          ),
      );
      socket.on('message', (message, { address, port }) =>
        say({ socket: name, text: String(message), address, port }),
      );
      socket.bind({ port }, () => resolve({ port: socket.address().port }));
    }),

  tcp: ({ socket: name, to }) =>
    new Promise((resolve, reject) => {
      const socket = connect(to.port, to.address).once('error', reject);
      sockets.set(name, (text) => void socket.write(text));
      socket.on('data', (text) => say({ socket: name, text: String(text), ...to }));
      socket.on('connect', () => resolve({ port: socket.localPort }));
    }),

  /** A TCP server that sends back what it is sent. */
  listen: ({ port, family }) =>
    new Promise((resolve, reject) => {
      const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).once(
        'error',
        reject,
      );
      server.listen(port, family === 6 ? '::' : '0.0.0.0', () => resolve({ port: server.address().port }));
    }),

  send: ({ socket, text, to }) => sockets.get(socket)(text, to),

  /**
   * What comes of a first packet to somewhere: `open` (TCP) or an error's code, or `silence` if nothing has come
   * once another packet, sent later, was refused.
   */
  knock: async ({ to, refusing }) => {
    if (refusing === undefined) return { answer: await knockAt(to) };
    // Twice, as the first packet somewhere waits until all neighbours on its way are found.
    const first = knockAt(to);
    await knockAt(refusing);
    const second = knockAt(to);
    await knockAt(refusing);
    await new Promise(setImmediate);
    return { answer: await Promise.race([first, second, 'silence']) };
  },
};

const knockAt = (to) => (to.protocol === 'tcp' ? knockTcp(to) : knockUdp(to));

const knockTcp = ({ address, port }) =>
  new Promise((resolve) => {
    const socket = connect(port, address, () => resolve('open')).once('error', (error) =>
      resolve(codeOf(error)),
    );
    socket.unref();
  });

const knockUdp = ({ address, port }) =>
  new Promise((resolve) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', (error) => resolve(codeOf(error)));
    socket.connect(port, address, () => socket.send('knock'));
  });

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const { id, does, ...options } = JSON.parse(line);
    try {
      say({ id, result: (await commands[does](options)) ?? {} });
    } catch (error) {
      say({ id, error: codeOf(error) ?? String(error) });
    }
  })
  .on('close', () => process.exit());
