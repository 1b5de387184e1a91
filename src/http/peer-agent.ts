/**
 * The agent whose own certificate opened a connection: who needs no token may show it, and then counts for itself
 * wherever it comes from.
 */
import { TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';

/** Its id; undefined for a connection in clear, without a certificate of our authority, or with that of another role. */
export function peerAgent(socket: Socket): string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const { CN, OU } = (socket.getPeerCertificate().subject ?? {}) as { CN?: string; OU?: string };
  return OU === 'agent' ? CN : undefined;
}
