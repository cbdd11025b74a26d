/**
 * A STUN server (RFC 5389) of the least kind: it tells whoever asks which address they asked from. On a router's own
 * address it so tells the router's programs that this is their address outside. Says its port once it listens.
 *
 * usage: node echo-own-address.mjs ADDRESS
 */
import { createSocket } from 'node:dgram';

const BINDING_SUCCESS = 0x0101;
const XOR_MAPPED_ADDRESS = 0x0020;
const MAGIC_COOKIE_HIGH = 0x2112;
const IPV4 = 1;

const socket = createSocket('udp4');
socket.on('message', (request, { address, port }) => {
  if (request.length < 20) return;
  const response = Buffer.alloc(32);
  response.writeUInt16BE(BINDING_SUCCESS, 0);
  response.writeUInt16BE(12, 2);
  request.copy(response, 4, 4, 20);
  response.writeUInt16BE(XOR_MAPPED_ADDRESS, 20);
  response.writeUInt16BE(8, 22);
  response.writeUInt16BE(IPV4, 24);
  response.writeUInt16BE(port ^ MAGIC_COOKIE_HIGH, 26);
  response.set(
    address.split('.').map((byte, index) => Number(byte) ^ request[4 + index]),
    28,
  );
  socket.send(response, port, address);
});
socket.bind(0, process.argv[2], () => console.log(socket.address().port));
