/**
 * One port for everything, and nothing without TLS, on loopback neither: another user of this machine may listen there in our place, and
 * only by TLS does a caller know us before it shows its token. Whoever begins with another byte than a handshake's (0x16) is told to say
 * https, and sent away. Every step of a connection has its deadline: the first byte, the handshake, a request's
 * head, its body by a least rate, and its whole.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import type { ConnectionLimits } from '../base/connection-guard.ts';
import { errors } from '../base/errors.ts';
import { farewell } from '../base/farewell.ts';
import { given } from '../base/given.ts';
import type { HandshakeLimits } from '../base/handshake-rate.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { createListener, type Listener } from '../base/node-listener.ts';
import type { Service } from '../base/service.ts';
import { PORT_TLS } from '../base/tls.ts';
import { BodyPace } from './body-pace.ts';

const TLS_HANDSHAKE = 0x16;
const PLAIN_REFUSED = problemText({
  type: 'about:blank',
  title: errors['bad-input'].title,
  status: 400,
  code: 'bad-input',
  detail:
    'This port speaks HTTPS alone, on this machine too. Say https:// in the address. Do not send a token to http://.',
});

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
  readonly tls: { readonly key: string; readonly cert: string };
  readonly onRequest: RequestListener;
  /** Answers whether the connection has become a link by it. */
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** Other limits than the product's, for tests. */
  readonly deadlines?: PortDeadlines;
  readonly connections?: ConnectionLimits;
  readonly handshakes?: HandshakeLimits;
}

export interface Port extends Service, Pick<Listener, 'address' | 'connections' | 'troubles' | 'isWell' | 'proved'> {}

/**
 * A body comes with its length. One in chunks may have a byte in each, which costs three microseconds apiece before anybody has looked who
 * sends it, and goes on after a refusal: the connection ends with it.
 */
function refusePieces(response: ServerResponse): void {
  const detail = 'Send the body with its Content-Length, not in chunks.';
  response.shouldKeepAlive = false;
  response
    .writeHead(411, { 'content-type': 'application/problem+json' })
    .end(JSON.stringify({ code: 'bad-input', title: 'Length required', status: 411, detail }));
}

/**
 * An answer that goes out before its request is in: nobody wants the rest, which Node would read to its end, however long
 * it is, to have the connection for the next request. It ends with the answer.
 */
function endWhereUnread(request: IncomingMessage, response: ServerResponse): void {
  // Without a body it is in as soon as its head is, though Node says so only after this turn.
  if (Number(request.headers['content-length'] ?? 0) === 0) return;
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = (...args: unknown[]) => {
    if (!request.complete) response.shouldKeepAlive = false;
    return writeHead(...args);
  };
}

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
    ...given({ connections: options.connections, handshakes: options.handshakes }),
  });
  const pace = new BodyPace(deadlines.bodyBytes, (socket) => listener.cut(socket, 'body'));
  const unanswered = new WeakMap<Socket, number>();
  const leaving = new WeakSet<Socket>();
  const onRequest: RequestListener = (request, response) => {
    const { socket } = request;
    // What follows an answer that is the last of its connection is answered by nobody.
    if (leaving.has(socket)) return;
    listener.asked(socket);
    if (!unanswered.has(socket)) leaveBy(socket);
    const count = (unanswered.get(socket) ?? 0) + 1;
    // Node reads questions ahead of answers that nobody takes, without an end.
    if (count > limits.requestsPipelinedMax) return listener.cut(socket, 'answers');
    unanswered.set(socket, count);
    response.once('close', () => unanswered.set(socket, unanswered.get(socket)! - 1));
    if (request.headers['transfer-encoding'] !== undefined) return refusePieces(response);
    pace.watch(request);
    endWhereUnread(request, response);
    options.onRequest(request, response);
  };
  const secure = createHttps({ ...options.tls, ...http, ...PORT_TLS }, onRequest);
  let stopLooking = (): void => undefined;

  secure.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') listener.cut(socket as Socket, 'request');
    else if (socket.writable) {
      const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
      farewell(socket, clock, `HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
    } else socket.destroy();
  });
  // Node's own answer would leave the connection open, and the body to be read.
  secure.on('checkExpectation', (_request, response: ServerResponse) => {
    response.shouldKeepAlive = false;
    response.writeHead(417).end();
  });
  secure.on('secureConnection', (tls: TLSSocket) => listener.shaken(tls));
  secure.on('tlsClientError', (_error, tls: TLSSocket) => tls.destroy());
  secure.on('upgrade', (request, socket, head: Buffer) => {
    if (options.onUpgrade(request, socket, head)) listener.linked(socket as TLSSocket);
  });

  /** Node calls it when the last answer of a connection is out, and it would reset whoever is still sending. */
  function leaveBy(socket: Socket): void {
    socket.destroySoon = () => {
      leaving.add(socket);
      farewell(socket, clock);
    };
  }

  function receive(socket: Socket): void {
    const cancel = clock.after(deadlines.firstByteMs, () => listener.cut(socket, 'first byte'));
    socket.once('close', cancel);
    socket.once('data', (first: Buffer) => {
      cancel();
      if (first[0] !== TLS_HANDSHAKE) return farewell(socket, clock, PLAIN_REFUSED);
      socket.pause();
      socket.unshift(first);
      // TLS takes over the socket's handle and reads for itself; a socket that flows meanwhile would lose the handshake.
      listener.shake(socket, () => secure.emit('connection', socket));
    });
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
    proved: listener.proved,
    async start() {
      await listener.listen(options.host, options.port);
      // It never listens itself, and starts its look at slow heads and requests by this.
      secure.emit('listening');
      lookLater();
    },
    async stop() {
      stopLooking();
      const closed = listener.close();
      // Ends its look; that it was not listening is no fault.
      secure.close(() => undefined);
      secure.closeAllConnections();
      await closed;
    },
  };
}

function problemText(problem: object): string {
  const body = `${JSON.stringify(problem)}\n`;
  const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}`;
  return `${head}\r\nConnection: close\r\n\r\n${body}`;
}
