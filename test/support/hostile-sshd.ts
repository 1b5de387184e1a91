/**
 * An SSH server that means harm: it takes every login, and speaks the program's part itself, or whatever a test has it say. Real SSH over
 * a real socket, by the server of the library that the worker uses as a client.
 */
import { generateKeyPairSync } from 'node:crypto';
import type { AddressInfo, Socket } from 'node:net';
import ssh2, { type AuthContext, type Connection, type ServerChannel, type ServerConfig } from 'ssh2';

/** What a test sees of one command of the worker's. */
export interface Asked {
  readonly command: string;
  readonly channel: ServerChannel;
  readonly client: Connection;
  /** What every line of the program begins with, once it is known. */
  nonce: string;
}

export interface HostileOptions {
  readonly config?: Partial<ServerConfig>;
  readonly onLogin?: (context: AuthContext) => void;
  readonly onClient?: (client: Connection) => void;
  /** Of a channel that has just been opened; true when the test answers it alone. */
  readonly onChannel?: (asked: Asked) => boolean;
  /** Each thing that the worker says to the program, by the part of the program that it is for; the default answers honestly. */
  readonly onSession?: (asked: Asked) => void;
  readonly onOrder?: (asked: Asked) => void;
  readonly onAttach?: (asked: Asked) => void;
  readonly onWhole?: (asked: Asked) => void;
  readonly onErase?: (asked: Asked) => void;
  readonly onBye?: (asked: Asked) => void;
  /** Of a shell that has had no order for a while. */
  readonly onTidy?: (asked: Asked) => void;
}

export interface HostileSshd {
  readonly address: string;
  readonly port: number;
  /** Bytes that it has said in floods; what lies in buffers counts too. */
  flooded: number;
  readonly clients: ReadonlySet<Connection>;
  say(asked: Asked, text: string): void;
  /** Says the same for as long as somebody takes it. */
  flood(asked: Asked, piece: Buffer): void;
  stop(): Promise<void>;
}

const SOCKET_BYTES_MAX = 1024 * 1024;
const ENVIRONMENT = `export HOME='/'\nexport SHELL='/bin/sh'\n`;

export function socketOf(client: Connection): Socket {
  return (client as unknown as { readonly _sock: Socket })._sock;
}

export async function hostileSshd(options: HostileOptions = {}): Promise<HostileSshd> {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const clients = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [privateKey], ...options.config }, (client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    client.on('error', () => undefined);
    client.on('authentication', options.onLogin ?? ((context) => context.accept()));
    client.on('ready', () => options.onClient?.(client));
    client.on('session', (accept) =>
      accept().on('exec', (take, _refuse, { command }) => {
        const asked: Asked = { command, channel: take(), client, nonce: '' };
        asked.channel.on('error', () => undefined);
        if (!options.onChannel?.(asked)) answer(asked);
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host: HostileSshd = {
    address: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    flooded: 0,
    clients,
    say: ({ channel, nonce }, text) => void channel.write(`${nonce} ${text}\n`),
    flood: ({ channel, client }, piece) => {
      const socket = socketOf(client);
      const pour = (): void => {
        if (socket.destroyed || !channel.writable) return;
        host.flooded += piece.length;
        // By the window where it keeps to it, and by what the socket takes where it does not.
        if (!channel.write(piece)) channel.once('drain', pour);
        else if (socket.writableLength > SOCKET_BYTES_MAX) socket.once('drain', pour);
        else setImmediate(pour);
      };
      pour();
    },
    async stop() {
      for (const client of clients) socketOf(client).destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };

  /** As the program would, but where a test speaks. */
  function answer(asked: Asked): void {
    const { channel, command } = asked;
    const probe = /^echo (drover-[0-9a-f]+); (.*)$/s.exec(command);
    if (probe) {
      channel.write(`${probe[1]}\n${probe[2]!.includes('uptime') ? '1000000.00 1\n' : ''}`);
      channel.exit(0);
      channel.end();
      return;
    }
    let heard = '';
    let isOrdered = false;
    channel.on('data', (bytes: Buffer) => {
      heard += bytes.toString('latin1');
      asked.nonce ||= /N=([0-9a-f]{16})/.exec(heard)?.[1] ?? '';
      if (asked.nonce === '' || !heard.endsWith('\n')) return;
      const said = heard;
      heard = '';
      const tell = (text: string): void => host.say(asked, text);
      const close = (): void => {
        channel.exit(0);
        channel.end();
      };
      if (/export -p; say/.test(said)) {
        if (options.onSession) return options.onSession(asked);
        tell('U 100000');
        tell('W 0');
        channel.write(`${ENVIRONMENT}${asked.nonce} \n`);
      } else if (/ attach \d/.test(said)) {
        if (options.onAttach) return options.onAttach(asked);
        tell('S 5 100 200');
      } else if (/ whole [12] /.test(said)) options.onWhole?.(asked);
      else if (/ erase;/.test(said)) {
        if (options.onErase) return options.onErase(asked);
        tell('F');
        close();
      } else if (/^(next|bye|farewell)$/m.test(said)) {
        if (options.onBye) return options.onBye(asked);
        tell('F');
        if (!/next/.test(said)) close();
      } else if (/^tidy$/m.test(said)) options.onTidy?.(asked);
      else if (!isOrdered) {
        isOrdered = true;
        if (options.onOrder) return options.onOrder(asked);
        tell('S 5 100 200');
        tell('E 300 0 100 250 -');
      }
    });
  }
  return host;
}
