/**
 * One port for everything: the first byte tells TLS (0x16, a handshake record) from plain HTTP. Plain HTTP is for this machine
 * only; anybody else is told so and sent away. Every step of a connection has its deadline: the first byte, the handshake, a request's
 * head, its body by a least rate, and its whole.
 */
import type { IncomingMessage, RequestListener, Server as HttpServer } from 'node:http';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import type { ConnectionLimits } from '../base/connection-guard.ts';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { createListener, isLoopback, type Listener } from '../base/node-listener.ts';
import type { Service } from '../base/service.ts';
import { TLS_SPOKEN } from '../base/tls.ts';
import { BodyPace } from './body-pace.ts';

const TLS_HANDSHAKE = 0x16;

export interface PortDeadlines {
  readonly firstByteMs: number;
  readonly handshakeMs: number;
  readonly headMs: number;
  /** A body brings at least `bodyBytes` in every `bodyMs`. */
  readonly bodyMs: number;
  readonly bodyBytes: number;
  readonly requestMs: number;
  readonly idleMs: number;
  /** How often heads and requests are looked at. */
  readonly checkMs: number;
}
const portDeadlines: PortDeadlines = {
  firstByteMs: limits.connectionStepMsMax,
  handshakeMs: limits.connectionStepMsMax,
  headMs: limits.connectionStepMsMax,
  bodyMs: limits.connectionStepMsMax,
  bodyBytes: limits.bodyStepBytesMin,
  requestMs: limits.requestReceiveMsMax,
  idleMs: limits.connectionIdleMsMax,
  checkMs: 1_000,
};

export interface PortOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
  readonly onRequest: RequestListener;
  /** Answers whether the connection has become a link by it. */
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** Other limits than the product's, for tests. */
  readonly deadlines?: PortDeadlines;
  readonly connections?: ConnectionLimits;
}

export interface Port extends Service, Pick<Listener, 'address' | 'connections' | 'troubles' | 'isWell'> {}

export function createPort(options: PortOptions): Port {
  const { clock, log } = options;
  const deadlines = options.deadlines ?? portDeadlines;
  const http = {
    headersTimeout: deadlines.headMs,
    requestTimeout: deadlines.requestMs,
    keepAliveTimeout: deadlines.idleMs,
    connectionsCheckingInterval: deadlines.checkMs,
  };
  const listener = createListener({
    clock,
    log,
    handshakeMs: deadlines.handshakeMs,
    onConnection: receive,
    ...given({ connections: options.connections }),
  });
  const pace = new BodyPace(deadlines.bodyBytes, (socket) => listener.cut(socket, 'body'));
  const unanswered = new WeakMap<Socket, number>();
  const onRequest: RequestListener = (request, response) => {
    const { socket } = request;
    const count = (unanswered.get(socket) ?? 0) + 1;
    // Node reads questions ahead of answers that nobody takes, without an end.
    if (count > limits.requestsPipelinedMax) return listener.cut(socket, 'answers');
    unanswered.set(socket, count);
    response.once('close', () => unanswered.set(socket, unanswered.get(socket)! - 1));
    pace.watch(request);
    options.onRequest(request, response);
  };
  const plain = createHttp(http, onRequest);
  const secure = createHttps(
    {
      ...options.tls,
      ...http,
      requestCert: true,
      rejectUnauthorized: false,
      ...TLS_SPOKEN,
    },
    onRequest,
  );
  let stopLooking = (): void => undefined;

  for (const server of [plain, secure])
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
      if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') listener.cut(socket as Socket, 'request');
      else if (socket.writable)
        socket.end(
          'HTTP/1.1 ' +
            `${error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'}` +
            '\r\nConnection: close\r\n\r\n',
        );
      else socket.destroy();
    });
  secure.on('secureConnection', (tls: TLSSocket) => listener.shaken(tls));
  secure.on('tlsClientError', (_error, tls: TLSSocket) => tls.destroy());
  secure.on('upgrade', (request, socket, head: Buffer) => {
    if (options.onUpgrade(request, socket, head)) listener.linked(socket as TLSSocket);
  });
  plain.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\n\r\n'));

  function receive(socket: Socket): void {
    const cancel = clock.after(deadlines.firstByteMs, () => listener.cut(socket, 'first byte'));
    socket.once('data', (first: Buffer) => {
      cancel();
      socket.pause();
      socket.unshift(first);
      hand(socket, first[0] === TLS_HANDSHAKE ? secure : plain);
    });
    socket.once('close', cancel);
  }

  function hand(socket: Socket, target: HttpServer): void {
    if (target === plain && !isLoopback(socket.remoteAddress)) {
      socket.end(
        'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nPlain HTTP is for this ' +
          'machine only; use https.\n',
      );
      return;
    }
    if (target === secure) listener.shake(socket);
    target.emit('connection', socket);
    // TLS takes over the socket's handle and reads for itself; a socket that flows meanwhile would lose the handshake.
    if (target === plain) socket.resume();
  }

  function lookLater(): void {
    stopLooking = clock.after(
      deadlines.bodyMs,
      () => {
        pace.look();
        lookLater();
      },
      { unref: true },
    );
  }

  return {
    name: 'port',
    get address() {
      return listener.address;
    },
    get connections() {
      return listener.connections;
    },
    troubles: listener.troubles,
    isWell: listener.isWell,
    async start() {
      await listener.listen(options.host, options.port);
      // They never listen themselves, and start their look at slow heads and requests by this.
      plain.emit('listening');
      secure.emit('listening');
      lookLater();
    },
    async stop() {
      stopLooking();
      const closed = listener.close();
      // Ends their looks; that they were not listening is no fault.
      plain.close(() => undefined);
      secure.close(() => undefined);
      plain.closeAllConnections();
      secure.closeAllConnections();
      await closed;
    },
  };
}
