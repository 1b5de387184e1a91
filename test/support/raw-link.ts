/** A link without our client: for bytes that it would never send. */
import { connect, type TLSSocket } from 'node:tls';
import { PEER_HEADER, provePeer } from '../../src/pki/peer-proof.ts';
import type { RigIdentity } from './link-rig.ts';

/** Asks for the link. */
export const UPGRADE =
  'GET /link HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';

/** The same with more in its head. */
export function upgradeWith(head: Readonly<Record<string, string>>): string {
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
  return UPGRADE.replace(/\r\n$/, `${lines.join('')}\r\n`);
}

/** Resolves when it has been let in. */
export async function rawLink(listening: { port: number }, identity: RigIdentity): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      {
        host: '127.0.0.1',
        port: listening.port,
        ca: identity.ca,
        checkServerIdentity: () => undefined,
      },
      () => socket.write(upgradeWith({ [PEER_HEADER]: provePeer(socket, identity) })),
    );
    socket
      .on('error', reject)
      .once('data', (bytes: Buffer) =>
        bytes.toString().startsWith('HTTP/1.1 101') ? resolve(socket) : reject(new Error(bytes.toString())),
      );
  });
}

/** One masked frame of a client, shorter than 126 bytes. */
export function webSocketFrame(opcode: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}
