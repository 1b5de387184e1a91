/** Stands between a worker and a database: passes on what both say, and cuts or holds it where a test wants. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface DatabaseProxy {
  readonly port: number;
  /** Of what the worker says. `cut`: both ends are cut, and it goes to nobody. `cut-after`: it goes on, and then they are cut. */
  onSaid: (bytes: Buffer) => 'pass' | 'cut' | 'cut-after' | 'hold-answers';
  /** Connections that are open. */
  readonly open: number;
  /** Connections that there have been. */
  readonly all: number;
  /** Answers that were held go on. */
  release(): void;
  end(): Promise<void>;
}

export async function databaseProxy(to: number): Promise<DatabaseProxy> {
  const sockets = new Set<Socket>();
  const held: (() => void)[] = [];
  let [open, all] = [0, 0];
  const server = createServer({ allowHalfOpen: false }, (near) => {
    const far = connect(to, '127.0.0.1');
    open++;
    all++;
    let isHeld = false;
    const cut = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', cut);
      socket.on('close', cut);
    }
    near.on('close', () => open--);
    far.on('data', (bytes) => {
      if (isHeld) held.push(() => near.write(bytes));
      else near.write(bytes);
    });
    near.on('data', (bytes) => {
      const what = proxy.onSaid(bytes);
      if (what === 'cut') return cut();
      isHeld ||= what === 'hold-answers';
      far.write(bytes);
      // Whoever answers has heard it.
      if (what === 'cut-after') far.removeAllListeners('data').once('data', cut);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: DatabaseProxy = {
    port: (server.address() as AddressInfo).port,
    onSaid: () => 'pass',
    get open() {
      return open;
    },
    get all() {
      return all;
    },
    release: () => held.splice(0).forEach((write) => write()),
    async end() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}
