/**
 * One port for everything: the first byte tells TLS (0x16, a handshake record) from plain HTTP. Plain HTTP is for this machine
 * only; anybody else is told so and sent away.
 */
import type { IncomingMessage, RequestListener, Server as HttpServer } from 'node:http';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import type { Service } from '../base/service.ts';
import { TLS_SUITES } from '../base/tls.ts';

const TLS_HANDSHAKE = 0x16;
/** A connection that says nothing is nobody's. */
const FIRST_BYTE_MS = 10_000;
const BACKLOG = 4_096;

export interface PortOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
  readonly onRequest: RequestListener;
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly clock: Clock;
}

export interface Port extends Service {
  readonly address: { readonly host: string; readonly port: number };
}

export function createPort(options: PortOptions): Port {
  const plain = createHttp({ requestTimeout: 60_000, keepAliveTimeout: 75_000 }, options.onRequest);
  const secure = createHttps(
    {
      ...options.tls,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ciphers: TLS_SUITES,
      honorCipherOrder: true,
      keepAliveTimeout: 75_000,
    },
    options.onRequest,
  );
  secure.on('upgrade', options.onUpgrade);
  plain.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\n\r\n'));
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    const cancel = options.clock.after(FIRST_BYTE_MS, () => socket.destroy());
    socket.once('data', (first: Buffer) => {
      cancel();
      socket.pause();
      socket.unshift(first);
      hand(socket, first[0] === TLS_HANDSHAKE ? secure : plain);
    });
    socket.once('close', cancel);
  });

  function hand(socket: Socket, target: HttpServer): void {
    if (target === plain && !isLoopback(socket.remoteAddress)) {
      socket.end(
        'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nPlain HTTP is for this machine only; use https.\n',
      );
      return;
    }
    target.emit('connection', socket);
    // TLS takes over the socket's handle and reads for itself; a socket that flows meanwhile would lose the handshake.
    if (target === plain) socket.resume();
  }

  return {
    name: 'port',
    get address() {
      const { address, port } = server.address() as AddressInfo;
      return { host: address, port };
    },
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) =>
          reject(
            error.code === 'EADDRINUSE'
              ? new DroverError('address-in-use', {
                  detail: `${options.host}:${options.port} is in use. Stop what uses it, or choose another with --listen.`,
                })
              : error,
          ),
        );
        server.listen({ host: options.host, port: options.port, backlog: BACKLOG }, resolve);
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        plain.closeAllConnections();
        secure.closeAllConnections();
        for (const socket of sockets) socket.destroy();
      }),
  };
}

export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (/^(::ffff:)?127\./.test(address) || address === '::1');
}
