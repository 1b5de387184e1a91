/**
 * Connections that are refused: what they still send is read by nobody, they are gone though their other end never closes, and whoever says
 * a byte at a time what it says is cut. On the port of a server, with the API behind it, and on that of a worker.
 */
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { portLimits } from '../../src/base/port-limits.ts';
import { createPort, type Port } from '../../src/http/port.ts';
import { createAgentPort, type AgentPort } from '../../src/link/agent-port.ts';
import { NOBODY } from '../../src/link/link.ts';
import { createLinkServer } from '../../src/link/ws-server.ts';
import { AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import { testApi, type TestApi } from '../support/api.ts';
import { LinkRig } from '../support/link-rig.ts';
import { UPGRADE } from '../support/raw-link.ts';
import { until } from '../support/until.ts';

const MiB = 1_048_576;
let rig: LinkRig;
let api: TestApi;
let port: Port;
let agentPort: AgentPort;
/** Of the port of the server: who asks for `/proved` has proved who it is. */
let number: number;

beforeAll(async () => {
  rig = await LinkRig.create();
  const [server, worker] = [await rig.identity('server'), await rig.identity('worker')];
  api = await testApi({ publicRate: { burst: 1e6, perSecond: 1e6 } });
  const links = createLinkServer({
    role: 'agent',
    authority: rig.ca.certificate,
    shapes: AGENT_FRAMES,
    clock: systemClock,
  });
  await links.start(() => NOBODY);
  const handleUpgrade = links.handleUpgrade.bind(links);
  const tlsOf = (as: typeof server) => ({ key: as.privateKey, cert: `${as.certificate}\n${as.ca}` });
  port = createPort({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    log: silentLog,
    tls: tlsOf(server),
    onRequest(request, response) {
      if (request.url !== '/proved') return api.app.routing(request, response);
      port.proved(request.socket);
      request.on('end', () => response.end('proved')).resume();
    },
    onUpgrade: handleUpgrade,
  });
  await port.start();
  number = port.address.port;
  agentPort = createAgentPort({ clock: systemClock, log: silentLog, tls: tlsOf(worker), onUpgrade: handleUpgrade });
  await agentPort.listen('127.0.0.1', 0);
  rig.onEnd(async () => {
    await links.stop();
    await agentPort.close();
  });
});
afterAll(async () => {
  await port.stop();
  await rig.end();
  await api.close();
});

interface Heard {
  readonly socket: TLSSocket;
  text: string;
  isClosed: boolean;
}

/** A connection whose end never closes by itself, whatever the other does. */
async function holding(to: number): Promise<Heard> {
  const raw = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true });
  raw.on('error', () => undefined);
  const socket = connectTls({ socket: raw, rejectUnauthorized: false, allowHalfOpen: true } as object);
  const heard: Heard = { socket, text: '', isClosed: false };
  socket.on('error', () => undefined).on('close', () => (heard.isClosed = true));
  socket.setEncoding('latin1').on('data', (part: string) => (heard.text += part));
  await once(socket, 'secureConnect');
  return heard;
}

const long = (line: string, more = ''): string =>
  `${line} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${4 * MiB}\r\n${more}\r\n[[[`;

describe('a request that is refused from its head', () => {
  it.each([
    ['POST /nowhere', 404],
    ['POST /api/v1/nowhere', 404],
    ['POST /healthz', 404],
    ['POST /readyz', 404],
    ['PATCH /metrics', 404],
    ['PUT /api/v1/runs', 404],
    ['POST /agent-packages/x', 404],
    ['POST /%zz', 400],
    [`POST /api/v1/runs/${'r'.repeat(600)}/cancel`, 400],
    ['POST /api/v1/runs', 401],
    ['POST /api/v1/agents/join', 413],
    ['GET /healthz', 200],
    ['GET /metrics', 401],
  ])('%s: is answered with %i before its body is there, and its connection ends', async (line, status) => {
    const heard = await holding(number);
    heard.socket.write(long(line));
    await until('an answer', () => heard.text.includes('\r\n\r\n'));
    expect(heard.text.split(' ')[1]).toBe(String(status));
    expect(heard.text).toMatch(/\r\nconnection: close\r\n/i);
    await until('the connection to be gone', () => port.connections === 0);
  });

  it('wants what is not there, and is not answered by Node alone, on either port', async () => {
    for (const to of [number, agentPort.address.port]) {
      const heard = await holding(to);
      heard.socket.write(long('POST /healthz', 'Expect: wonders\r\n'));
      await until('an answer', () => heard.text.includes('\r\n\r\n'));
      expect(heard.text).toMatch(/^HTTP\/1.1 417 [^]*\r\nconnection: close\r\n/i);
    }
    await until('both to be gone', () => port.connections + agentPort.connections === 0);
  });

  it('reaches whoever is still sending', async () => {
    for (let n = 0; n < 10; n++)
      expect(
        await new Promise((resolve, reject) => {
          const request = httpsRequest(
            {
              host: '127.0.0.1',
              port: number,
              path: '/nowhere',
              method: 'POST',
              rejectUnauthorized: false,
              agent: false,
            },
            (response) => {
              response.resume();
              resolve(response.statusCode);
            },
          );
          request.on('error', reject).setHeader('content-length', 4 * MiB);
          request.end(Buffer.alloc(4 * MiB, '['));
        }),
      ).toBe(404);
  });

  it('is the last of its connection: what follows is answered by nobody', async () => {
    const heard = await holding(number);
    heard.socket.write(`${long('POST /nowhere').replace(String(4 * MiB), '9')}${'x'.repeat(6)}`);
    heard.socket.write(
      'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
    );
    await until('the connection to be gone', () => port.connections === 0);
    expect(heard.text.split('HTTP/1.1 200').length).toBeLessThanOrEqual(2);
  });
});

describe('a connection that was refused, whose other end never closes', () => {
  it.each([
    ['an upgrade', UPGRADE],
    ['an upgrade with more behind it', `${UPGRADE}${'x'.repeat(4_000)}`],
    ['a bad head', 'GET / HTTP/1.1\r\nbad head\r\n\r\n'],
    ['a head that is too long', `GET / HTTP/1.1\r\nX-A: ${'a'.repeat(17_000)}`],
    ['a body in chunks', 'POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n'],
    ['a last request', 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
  ])('is gone all the same: %s, on either port', async (_what, words) => {
    for (const to of [number, agentPort.address.port]) {
      const heard = await holding(to);
      heard.socket.write(words);
    }
    await until('both to be gone', () => port.connections + agentPort.connections === 0);
  });

  it('is gone all the same: one in clear', async () => {
    const raw: Socket = connect({ port: number, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    raw.on('error', () => undefined).on('data', (bytes: Buffer) => (text += bytes.toString()));
    raw.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await until('an answer', () => text.includes('HTTPS alone'));
    await until('it to be gone', () => port.connections === 0);
  });
});

/** Each piece in a record of its own, one after the other, until it is cut. */
async function inPieces(heard: Heard, text: string, length: number): Promise<void> {
  for (let at = 0; at < text.length && !heard.isClosed; at += length)
    await new Promise<void>((resolve) => {
      heard.socket.once('close', () => resolve());
      heard.socket.write(text.slice(at, at + length), () => resolve());
      heard.socket.setMaxListeners(0);
    });
}

const post = (path: string, bytes: number, more = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n${more}\r\n`;

describe('whoever has proved nothing and says a byte at a time what it says', () => {
  it('is cut: in a body, in a head, and in what follows a refusal', async () => {
    const before = port.troubles['in-pieces'];
    const ways: readonly [string, string][] = [
      [post('/api/v1/agents/join', 5_000), 'a'.repeat(4_999)],
      ['GET /healthz HTTP/1.1\r\nX-A: ', 'a'.repeat(5_000)],
      [UPGRADE, 'a'.repeat(5_000)],
    ];
    for (const [whole, dripped] of ways) {
      const heard = await holding(number);
      heard.socket.write(whole);
      await inPieces(heard, dripped, 1);
      await until('it to be cut', () => heard.isClosed);
    }
    expect(port.troubles['in-pieces']).toBe(before + ways.length);
  });

  it('is cut on the port of a worker', async () => {
    const heard = await holding(agentPort.address.port);
    await inPieces(heard, `GET / HTTP/1.1\r\nX-A: ${'a'.repeat(5_000)}`, 1);
    await until('it to be cut', () => heard.isClosed);
    expect(agentPort.troubles['in-pieces']).toBe(1);
  });

  it('is not cut for short records of an ordinary size, or for many short requests', async () => {
    const before = port.troubles['in-pieces'];
    const body = JSON.stringify({ secret: 'x'.repeat(60_000) });
    const slow = await holding(number);
    await inPieces(
      slow,
      `${post('/api/v1/agents/join', body.length, 'Connection: close\r\n')}${body}`,
      portLimits.pieceBytesMin,
    );
    await until('an answer', () => slow.text.includes('"code":"bad-input"'));
    const many = await holding(number);
    const count = 2 * portLimits.piecesMax;
    for (let n = 1; n <= count; n++) {
      many.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
      await until('the next answer', () => many.text.split('HTTP/1.1 200').length > n);
    }
    many.socket.destroy();
    expect(port.troubles['in-pieces']).toBe(before);
  });

  it('is not cut once it has proved who it is', async () => {
    const heard = await holding(number);
    heard.socket.write(post('/proved', 2_000));
    await inPieces(heard, 'a'.repeat(2_000), 1);
    await until('an answer', () => heard.text.endsWith('proved'));
    heard.socket.destroy();
  });
});
