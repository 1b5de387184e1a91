/** Whoever answers in the place of PostgreSQL: says what a test tells it to, in its protocol. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

export interface PlayedPostgres {
  readonly port: number;
  /** All that it was told, connection after connection. */
  readonly said: Buffer[];
  end(): Promise<void>;
}

/** A message of the protocol. */
export function message(type: string, ...parts: readonly (string | Buffer | number)[]): Buffer {
  const body = Buffer.concat(parts.map(partOf));
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** A text ends with NUL, a number has four bytes. */
function partOf(part: string | Buffer | number): Buffer {
  if (typeof part === 'string') return Buffer.from(`${part}\0`);
  if (typeof part !== 'number') return part;
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(part);
  return bytes;
}

export const READY = message('Z', Buffer.from('I'));
/** It lets whoever comes in. */
export const WELCOME = Buffer.concat([message('R', 0), message('K', 1, 2), READY]);
/** One column, a text. */
export const ONE_COLUMN = message(
  'T',
  Buffer.from([0, 1]),
  'c',
  0,
  Buffer.from([0, 0]),
  25,
  Buffer.from([255, 255]),
  -1,
  Buffer.from([0, 0]),
);
export function row(text: string): Buffer {
  return message('D', Buffer.from([0, 1]), text.length, Buffer.from(text));
}
export function tag(text: string): Buffer {
  return Buffer.concat([message('C', text), READY]);
}

/** `answer`: of each piece that it is told, with how many there were on that connection before. */
export async function playedPostgres(
  answer: (socket: Socket, said: Buffer, before: number) => void,
): Promise<PlayedPostgres> {
  const said: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let before = 0;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      said.push(bytes);
      answer(socket, bytes, before++);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    said,
    async end() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Lets everybody in and opens transactions; what is made of the statement is the test's. */
export function letIn(then: (socket: Socket, said: Buffer) => void): (socket: Socket, said: Buffer, n: number) => void {
  return (socket, said, before) => {
    if (before === 0) socket.write(WELCOME);
    else if (said.includes('BEGIN')) socket.write(tag('BEGIN'));
    else if (said.includes('SET LOCAL')) socket.write(tag('SET'));
    else then(socket, said);
  };
}
