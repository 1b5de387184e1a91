/** Bad networks on purpose: things that take TCP connections and do what servers and lines do on a bad day. */
import { createServer, connect, type Server, type Socket } from 'node:net';
import { systemClock } from '../../src/base/clock.ts';

export interface Proxy {
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  cutAll(): void;
  /** Bytes that reached what is behind. */
  readonly passed: number;
  /** Bytes that went nowhere while the line was mute. */
  readonly swallowed: number;
  /** Mute: what either side says is lost, its end too, and nobody is told, as on a line without a FIN. */
  mute(on: boolean): void;
  stop(): Promise<void>;
}

interface Line {
  isMute: boolean;
  passed: number;
  swallowed: number;
  readonly behind: Set<Socket>;
}

function newLine(): Line {
  return { isMute: false, passed: 0, swallowed: 0, behind: new Set() };
}

/** Anything that listens on loopback. */
export async function listenWith(onConnection: (socket: Socket) => void, line: Line = newLine()): Promise<Proxy> {
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
    get passed() {
      return line.passed;
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
        line.isMute = false;
        for (const socket of [...sockets, ...line.behind]) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** In front of a real server: passes everything on, after `delayMs`, until it is cut. */
export function proxyTo(target: { address: string; port: number }, options: { delayMs?: number } = {}): Promise<Proxy> {
  const line = newLine();
  return listenWith((socket) => {
    const behind = connect(target.port, target.address);
    behind.on('error', () => socket.destroy());
    line.behind.add(behind);
    behind.on('close', () => {
      line.behind.delete(behind);
      socket.destroy();
    });
    socket.on('close', () => line.isMute || behind.destroy());
    const pass = (from: Socket, to: Socket): void => {
      from.on('data', (bytes) => {
        if (!line.isMute && to === behind) line.passed += bytes.length;
        if (line.isMute) line.swallowed += bytes.length;
        else if (!to.writable) return;
        else if (options.delayMs === undefined) to.write(bytes);
        else systemClock.after(options.delayMs, () => to.writable && to.write(bytes));
      });
    };
    pass(socket, behind);
    pass(behind, socket);
  }, line);
}
