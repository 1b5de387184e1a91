/**
 * Child program: a bare `ws` server over mutual TLS, with nothing behind it. A round sends every connection 500 bytes
 * and ends with the last answer.
 */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { systemClock } from '../../src/base/clock.ts';

export interface BareServerSetup {
  readonly privateKey: string;
  readonly certificate: string;
  readonly ca: string;
}
export type BareServerMessage =
  | { kind: 'listening'; port: number }
  | { kind: 'connections'; count: number }
  | { kind: 'round'; ms: number };

const SENT_BYTES = 500;
const tell = (message: BareServerMessage): void => void process.send!(message);

process.once('message', (setup: BareServerSetup) => {
  const https = createServer({
    key: setup.privateKey,
    cert: setup.certificate,
    ca: setup.ca,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  });
  const server = new WebSocketServer({
    server: https,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    clientTracking: false,
  });
  const connections: WebSocket[] = [];
  let startedMs = 0;
  let missing = 0;
  server.on('connection', (socket) => {
    connections.push(socket);
    socket.on('error', () => undefined);
    socket.on('message', () => {
      if (--missing === 0) tell({ kind: 'round', ms: systemClock.monotonicMs() - startedMs });
    });
  });
  process.on('message', (order: 'count' | 'round') => {
    if (order === 'count') return tell({ kind: 'connections', count: connections.length });
    const bytes = Buffer.alloc(SENT_BYTES, 1);
    missing = connections.length;
    startedMs = systemClock.monotonicMs();
    for (const socket of connections) socket.send(bytes);
  });
  https.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
    tell({ kind: 'listening', port: (https.address() as AddressInfo).port }),
  );
});
process.on('disconnect', () => process.exit());
