/**
 * A listening socket that nobody takes for himself: no more connections than there is room and descriptors for, and a deadline for each
 * handshake. The system drops newcomers without a word when a process is out of descriptors, so they are counted before it comes to that.
 */
import { createServer, isIPv6, type AddressInfo, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from './clock.ts';
import { ConnectionGuard, connectionLimits, type ConnectionLimits } from './connection-guard.ts';
import { DroverError } from './errors.ts';
import { HandshakeRate, type Handshake, type HandshakeLimits } from './handshake-rate.ts';
import { limits } from './limits.ts';
import type { Log } from './log.ts';
import { isLoopback } from './network.ts';
import { Descriptors } from './node-descriptors.ts';
import { PieceCount } from './piece-count.ts';

const BACKLOG = 4_096;
/** Connections may have this share of what was left of the descriptors at the start; the rest is for files and for our own connections. */
const CONNECTIONS_SHARE = 0.8;
const CONNECTIONS_MIN = 16;
/** The same trouble is logged no more often. */
const LOG_EVERY_MS = 10_000;

export type ListenerTrouble = 'no-room' | 'no-descriptors' | 'too-slow' | 'in-pieces' | 'accept-failed';

export interface ListenerOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly onConnection: (socket: Socket) => void;
  readonly handshakeMs?: number;
  readonly connections?: ConnectionLimits;
  /** Other limits than the product's, for tests; then for this machine's own as well. */
  readonly handshakes?: HandshakeLimits;
}

export interface Listener {
  readonly address: { readonly host: string; readonly port: number };
  /** Of those that are no links. */
  readonly connections: number;
  /** Since the start. */
  readonly troubles: Readonly<Record<ListenerTrouble, number>>;
  /** False while there are hardly any descriptors. */
  isWell(): boolean;
  /** Throws `address-in-use`, and `bad-input` for an address that is not ours to listen on. */
  listen(host: string, port: number): Promise<void>;
  close(): Promise<void>;
  cut(socket: Socket, step: string): void;
  /**
   * Its TLS handshake begins, by `begin`, as soon as its address may have one more, and has so long as a whole: a byte now and then would
   * hold it for ever. This machine's own never wait: whoever is on it has its processor anyway.
   */
  shake(socket: Socket, begin: () => void): void;
  /** It is through; what comes from now on is counted in pieces, until it is somebody's. */
  shaken(tls: TLSSocket): void;
  /** It has sent the head of a request. */
  asked(socket: Socket): void;
  /** It is somebody's: its handshake and its pieces count against nobody. */
  proved(tls: Socket): void;
  /** The connection has proved that it is a link: it is not counted any more, and its address is known from now on. */
  linked(tls: TLSSocket): void;
}

export function createListener(options: ListenerOptions): Listener {
  const { clock, log } = options;
  const descriptors = new Descriptors(clock);
  const guard = new ConnectionGuard(boundedBy(descriptors, options.connections ?? connectionLimits));
  const troubles: Record<ListenerTrouble, number> = {
    'no-room': 0,
    'no-descriptors': 0,
    'too-slow': 0,
    'in-pieces': 0,
    'accept-failed': 0,
  };
  const loggedAtMs = new Map<ListenerTrouble, number>();
  /** All, with the peer of those that are no links yet. */
  const sockets = new Map<Socket, string>();
  /** Those that are no links yet, by their peer: a TLS server tells of a connection by a socket of its own. */
  const byPeer = new Map<string, Socket>();
  /** What ends the wait for their handshake. */
  const shaking = new Map<Socket, () => void>();
  const rate = new HandshakeRate(clock, options.handshakes);
  /** Of those that have proved nothing yet. */
  const handshakes = new Map<Socket, Handshake>();
  const pieces = new PieceCount((socket) => {
    trouble(
      'in-pieces',
      { address: socket.remoteAddress },
      'a connection says a byte at a time what it says, and is cut',
    );
    socket.destroy();
  });

  function trouble(kind: ListenerTrouble, fields: object, message: string): void {
    troubles[kind]++;
    const now = clock.monotonicMs();
    if (now - (loggedAtMs.get(kind) ?? Number.NEGATIVE_INFINITY) < LOG_EVERY_MS) return;
    loggedAtMs.set(kind, now);
    log.warn({ ...fields, times: troubles[kind] }, message);
  }

  function isWell(): boolean {
    if (!descriptors.isShort()) return true;
    trouble(
      'no-descriptors',
      { open: descriptors.open, max: descriptors.max },
      'nearly all descriptors are in use, and no more connections are taken; raise the limit of open files (ulimit -n, LimitNOFILE)',
    );
    return false;
  }

  function endShake(socket: Socket): boolean {
    shaking.get(socket)?.();
    return shaking.delete(socket);
  }

  function forget(socket: Socket): void {
    descriptors.note(-1);
    endShake(socket);
    handshakes.get(socket)?.gone();
    handshakes.delete(socket);
    forgetPeer(socket);
    sockets.delete(socket);
  }

  function forgetPeer(socket: Socket): void {
    const peer = sockets.get(socket);
    if (peer !== undefined && byPeer.get(peer) === socket) byPeer.delete(peer);
  }

  // Handlers are the same for all, and what is known of a connection is dropped when it has become a link: links are ten thousands.
  function onClose(this: Socket): void {
    forget(this);
  }

  const server: Server = createServer((socket) => {
    socket.on('error', onError);
    descriptors.note(1);
    socket.on('close', onClose);
    if (!isWell()) return socket.destroy();
    if (!guard.admit(socket, isLoopback(socket.remoteAddress))) {
      trouble('no-room', { address: socket.remoteAddress }, 'there is no room for another connection');
      return socket.destroy();
    }
    const peer = peerOf(socket);
    sockets.set(socket, peer);
    byPeer.set(peer, socket);
    options.onConnection(socket);
  });

  const listener: Listener = {
    get address() {
      const { address, port } = server.address() as AddressInfo;
      return { host: address, port };
    },
    get connections() {
      return guard.connections;
    },
    troubles,
    isWell,
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        const onRefused = (error: NodeJS.ErrnoException): void => reject(refusalOf(error, host, port));
        server.once('error', onRefused);
        server.listen({ host, port, backlog: BACKLOG }, () => {
          server.off('error', onRefused);
          server.on('error', (error: NodeJS.ErrnoException) =>
            trouble('accept-failed', { code: error.code }, 'a connection could not be taken'),
          );
          resolve();
        });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets.keys()) socket.destroy();
      }),
    cut(socket, step) {
      trouble('too-slow', { address: socket.remoteAddress, step }, 'a connection was too slow and is cut');
      socket.destroy();
    },
    shake(socket, begin) {
      const cancel = clock.after(options.handshakeMs ?? limits.connectionStepMsMax, () => {
        if (shaking.delete(socket)) listener.cut(socket, 'handshake');
      });
      shaking.set(socket, cancel);
      const address = socket.remoteAddress ?? '';
      if (options.handshakes === undefined && isLoopback(address)) return begin();
      handshakes.set(
        socket,
        rate.enter(address, () => {
          if (!socket.destroyed) begin();
        }),
      );
    },
    shaken(tls) {
      pieces.watch(tls);
      const socket = byPeer.get(peerOf(tls));
      if (!socket) return;
      endShake(socket);
      handshakes.get(socket)?.over();
    },
    asked: (socket) => pieces.onRequest(socket),
    proved(tls) {
      pieces.forget(tls);
      const socket = byPeer.get(peerOf(tls));
      if (!socket) return;
      handshakes.get(socket)?.proved();
      handshakes.delete(socket);
    },
    linked(tls) {
      listener.proved(tls);
      const socket = byPeer.get(peerOf(tls));
      if (!socket) return;
      guard.isLink(socket, tls.remoteAddress ?? '');
      forgetPeer(socket);
      sockets.set(socket, '');
    },
  };
  return listener;
}

/** A close follows. */
function onError(): void {}

/** No more connections than the process has descriptors for. */
function boundedBy(descriptors: Descriptors, wanted: ConnectionLimits): ConnectionLimits {
  const room = Math.max(CONNECTIONS_MIN, Math.floor((descriptors.max - descriptors.open) * CONNECTIONS_SHARE));
  if (room >= wanted.connectionsMax) return wanted;
  return { ...wanted, connectionsMax: room, keptForKnown: Math.min(wanted.keptForKnown, Math.ceil(room / 10)) };
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

/** What is up to whoever chose the address, in words; anything else as it is. */
function refusalOf(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const refused = (code: 'address-in-use' | 'bad-input', why: string): DroverError =>
    new DroverError(code, { detail: `${isIPv6(host) ? `[${host}]` : host}:${port} ${why}` });
  switch (error.code) {
    case 'EADDRINUSE':
      return refused('address-in-use', 'is in use. Stop what uses it, or choose another with --listen.');
    case 'EADDRNOTAVAIL':
      return refused(
        'bad-input',
        'cannot be listened on: this machine has no such address. Choose one of its own with --listen.',
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return refused(
        'bad-input',
        `cannot be listened on: the name ${host} is not known here. Choose an address with --listen.`,
      );
    case 'EACCES':
    case 'EPERM':
      return refused(
        'bad-input',
        'cannot be listened on: this user may not take that port. Choose one from 1024 on with --listen.',
      );
    default:
      return error;
  }
}
