/** A real HTTP receiver, as webhooks and robots of chats are: keeps what it was sent, and answers as it is told to. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Receiver {
  readonly url: string;
  readonly port: number;
  readonly received: Received[];
  answer: (response: ServerResponse, received: Received) => void;
  end(): Promise<void>;
}

export async function receiver(): Promise<Receiver> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const received: Received = {
        method: request.method!,
        url: new URL(request.url!, `http://${request.headers.host}`),
        headers: request.headers,
        body: Buffer.concat(parts).toString(),
      };
      own.received.push(received);
      own.answer(response, received);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const own: Receiver = {
    url: `http://127.0.0.1:${port}`,
    port,
    received: [],
    answer: (response) => void response.end('ok'),
    async end() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return own;
}

/** As a robot of a chat answers. */
export function json(value: object): Receiver['answer'] {
  return (response) => void response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
}
