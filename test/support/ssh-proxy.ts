/** Bad networks on purpose: things that take TCP connections and do what servers and lines do on a bad day. */
import { createServer, connect, type Server, type Socket } from 'node:net';
import { systemClock } from '../../src/base/clock.ts';

export interface Proxy {
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  cutAll(): void;
  /** Bytes that went nowhere while the line was mute. */
  readonly swallowed: number;
  /** Mute: what either side says is lost, and nobody is told, as on a line without a FIN. */
  mute(on: boolean): void;
  stop(): Promise<void>;
}

/** Anything that listens on loopback. */
export async function listenWith(
  onConnection: (socket: Socket) => void,
  line = { isMute: false, swallowed: 0 },
): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server: Server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    address: '127.0.0.1',
    port,
    get connections() {
      return connections;
    },
    get swallowed() {
      return line.swallowed;
    },
    mute(on) {
      line.isMute = on;
    },
    cutAll() {
      for (const socket of sockets) socket.destroy();
    },
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** In front of a real server: passes everything on, after `delayMs`, until it is cut. */
export function proxyTo(target: { address: string; port: number }, options: { delayMs?: number } = {}): Promise<Proxy> {
  const line = { isMute: false, swallowed: 0 };
  return listenWith((socket) => {
    const behind = connect(target.port, target.address);
    behind.on('error', () => socket.destroy());
    behind.on('close', () => socket.destroy());
    socket.on('close', () => behind.destroy());
    const pass = (from: Socket, to: Socket): void => {
      from.on('data', (bytes) => {
        if (line.isMute) line.swallowed += bytes.length;
        else if (options.delayMs === undefined) to.write(bytes);
        else systemClock.after(options.delayMs, () => to.writable && to.write(bytes));
      });
    };
    pass(socket, behind);
    pass(behind, socket);
  }, line);
}
