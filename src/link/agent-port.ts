/**
 * The port of a worker: agents link here, and nobody else has business. Whoever does not prove within the deadlines that it is an agent is
 * cut; those who have proved it do not count as connections any more, so that ten thousands of them may come from one address.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { connectionLimits, type ConnectionLimits } from '../base/connection-guard.ts';
import { given } from '../base/given.ts';
import type { HandshakeLimits } from '../base/handshake-rate.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { createListener, type Listener } from '../base/node-listener.ts';
import { LINK_TLS } from '../base/tls.ts';

export interface AgentPortKeys {
  readonly key: string;
  readonly cert: string;
}

export interface AgentPortOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly tls: AgentPortKeys;
  /** Answers whether the connection has become a link by it. */
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;
  /** Other limits than the product's, for tests. */
  readonly stepMs?: number;
  readonly connections?: ConnectionLimits;
  readonly handshakes?: HandshakeLimits;
}

export interface AgentPort
  extends Pick<Listener, 'listen' | 'address' | 'connections' | 'troubles' | 'proved' | 'close'> {
  /** For connections that come from now on. */
  renew(tls: AgentPortKeys): void;
}

export function createAgentPort(options: AgentPortOptions): AgentPort {
  const stepMs = options.stepMs ?? limits.connectionStepMsMax;
  const server = createServer(
    {
      ...options.tls,
      ...LINK_TLS,
      headersTimeout: stepMs,
      requestTimeout: stepMs,
      keepAliveTimeout: stepMs,
      connectionsCheckingInterval: Math.min(1_000, stepMs),
    },
    (_request, response) => response.writeHead(404, { connection: 'close' }).end(),
  );
  const listener = createListener({
    clock: options.clock,
    log: options.log,
    handshakeMs: stepMs,
    ...given({ handshakes: options.handshakes }),
    connections: options.connections ?? {
      ...connectionLimits,
      perAddressMax: limits.agentConnectionsPerAddressMax,
    },
    onConnection(socket) {
      listener.shake(socket, () => server.emit('connection', socket));
    },
  });
  server.on('secureConnection', (tls: TLSSocket) => listener.shaken(tls));
  server.on('tlsClientError', (_error, tls: TLSSocket) => tls.destroy());
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) =>
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? listener.cut(socket as TLSSocket, 'request') : socket.destroy(),
  );
  // Node's own answer would leave the connection open.
  server.on('checkExpectation', (_request, response: ServerResponse) =>
    response.writeHead(417, { connection: 'close' }).end(),
  );
  server.on('upgrade', (request, socket, head: Buffer) => {
    if (options.onUpgrade(request, socket, head)) listener.linked(socket as TLSSocket);
  });

  return {
    get address() {
      return listener.address;
    },
    get connections() {
      return listener.connections;
    },
    troubles: listener.troubles,
    proved: listener.proved,
    async listen(host, port) {
      await listener.listen(host, port);
      // It never listens itself, and starts its look at slow heads by this.
      server.emit('listening');
    },
    close() {
      server.close(() => undefined);
      server.closeAllConnections();
      return listener.close();
    },
    renew: (tls) => server.setSecureContext({ ...tls, ...LINK_TLS }),
  };
}
