/** One port takes TLS and nothing else, and nobody waits for somebody who says nothing. */
import { spawn } from 'node:child_process';
import { connect, createServer, Socket, type AddressInfo } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pause, systemClock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { ConnectionGuard } from '../../src/base/connection-guard.ts';
import { createPort, type Port, type PortDeadlines, type PortOptions } from '../../src/http/port.ts';
import { CertificateAuthority } from '../../src/pki/ca.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';
import { isBegunAnewAt, isGroupSpokenAt, spokenAt, TLS_TABLE } from '../support/tls-spoken.ts';
import { until } from '../support/until.ts';

let ca: CertificateAuthority;
/** Of the request that was heard last. */
let latest: { readonly socket: Socket } | undefined;
beforeAll(async () => {
  ca = await CertificateAuthority.load(await CertificateAuthority.create(systemClock.nowMs()));
});

const served: string[] = [];

/** What is answered over a connection of its own. */
function get(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    httpsRequest({ host: '127.0.0.1', port, path, ca: ca.certificate, agent: false }, (response) => {
      response.setEncoding('utf8').on('data', resolve);
    })
      .on('error', reject)
      .end();
  });
}

function connectSecurely(port: number, onSecure?: () => void): TLSSocket {
  return connectTls({ port, host: '127.0.0.1', ca: ca.certificate }, onSecure);
}

async function startPort(options: Pick<PortOptions, 'deadlines' | 'connections' | 'handshakes'> = {}): Promise<Port> {
  const key = newKey();
  const signed = await ca.sign(
    { csr: certificateRequest(key), id: 'server', role: 'server', lifetimeMs: 3_600_000, names: ['127.0.0.1'] },
    systemClock.nowMs(),
  );
  const port = createPort({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    log: silentLog,
    tls: { key, cert: `${signed!.certificate}\n${ca.certificate}` },
    onRequest: (request, response) => {
      latest = request;
      served.push(request.url!);
      const answer = (): unknown => response.end(`served ${request.url}`);
      if (request.method === 'GET') answer();
      else request.on('end', answer).resume();
    },
    onUpgrade: (_request, socket) => !socket.destroy(),
    ...options,
  });
  await port.start();
  return port;
}

describe('the port', () => {
  let port: Port;
  beforeAll(async () => {
    port = await startPort();
  });
  afterAll(() => port.stop());

  it('serves nothing without TLS, on loopback neither, and says so', async () => {
    const before = served.length;
    const bodies = [{}, { method: 'POST', body: 'x'.repeat(1_000_000) }];
    for (const what of bodies) {
      const response = await fetch(`http://127.0.0.1:${port.address.port}/a`, what);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        code: 'bad-input',
        detail: expect.stringContaining('HTTPS alone') as string,
      });
    }
    expect(served.length).toBe(before);
    await until('them to be gone', () => port.connections === 0);
  });

  it('answers over TLS', async () => {
    expect(await get(port.address.port, '/b')).toBe('served /b');
  });

  it.each(TLS_TABLE)('speaks %s with %s: %s', async (version, suites, isSpoken) => {
    const spoken = await spokenAt(port.address.port, { min: version, max: version, suites });
    expect(spoken?.version).toBe(isSpoken ? version : undefined);
  });

  it('speaks 1.3 with whoever knows 1.2 too', async () => {
    expect(await spokenAt(port.address.port, { min: 'TLSv1.2', max: 'TLSv1.3', suites: 'ALL' })).toMatchObject({
      version: 'TLSv1.3',
    });
  });

  it('exchanges keys on curves alone, and shakes hands once on a connection', async () => {
    const { port: number } = port.address;
    for (const group of ['X25519', 'P-256', 'P-384']) expect(await isGroupSpokenAt(number, group), group).toBe(true);
    for (const group of ['ffdhe2048', 'ffdhe8192', 'P-521'])
      expect(await isGroupSpokenAt(number, group), group).toBe(false);
    expect(await isBegunAnewAt(number)).toBe(false);
  });

  it('answers so many questions of a connection at once, and cuts whoever asks more', async () => {
    const ask = async (count: number): Promise<number> => {
      const socket = connectSecurely(port.address.port);
      let text = '';
      socket.setEncoding('latin1').on('data', (part: string) => (text += part));
      socket.on('error', () => undefined);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      const last = count === 1 ? '' : 'GET /x HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(count - 1);
      socket.write(`${last}GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      await closed;
      return text.split('served /x').length - 1;
    };
    expect(await ask(limits.requestsPipelinedMax)).toBe(limits.requestsPipelinedMax);
    expect(await ask(limits.requestsPipelinedMax + 1)).toBeLessThan(limits.requestsPipelinedMax);
  });

  it('takes no body in chunks, and reads no more of one', async () => {
    const socket = connectSecurely(port.address.port);
    let text = '';
    socket.setEncoding('latin1').on('data', (part: string) => (text += part));
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write('POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n');
    await closed;
    expect(text).toMatch(/^HTTP\/1\.1 411 [^]*Connection: close\r\n[^]*"code":"bad-input"[^]*Content-Length/i);
  });

  it('takes a first byte that comes alone', async () => {
    const halving = createServer((near) => {
      const far = connect(port.address.port, '127.0.0.1');
      near.once('data', (hello: Buffer) => {
        far.write(hello.subarray(0, 1));
        systemClock.after(50, () => {
          far.write(hello.subarray(1));
          near.pipe(far);
        });
      });
      far.pipe(near);
      for (const socket of [near, far]) socket.on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => halving.once('listening', resolve));
    expect(await get((halving.address() as AddressInfo).port, '/c')).toBe('served /c');
    halving.close();
  });
});

const quick: PortDeadlines = {
  firstByteMs: 150,
  handshakeMs: 150,
  headMs: 150,
  bodyMs: 150,
  bodyBytes: 10,
  requestMs: 60_000,
  idleMs: 300,
  checkMs: 20,
};

/** Sends the pieces one after another, a bit at a time, until it is cut off. Says what came back. */
function drip(port: number, pieces: readonly (string | Buffer)[], everyMs = 20): Promise<string> {
  return new Promise((resolve) => {
    let heard = '';
    let at = 0;
    const isRaw = pieces[0] instanceof Buffer;
    const socket = isRaw ? connect(port, '127.0.0.1', () => next()) : connectSecurely(port, () => next());
    const next = (): void => {
      if (socket.destroyed) return;
      socket.write(pieces[Math.min(at++, pieces.length - 1)]!);
      systemClock.after(everyMs, next);
    };
    socket.on('data', (bytes: Buffer) => (heard += bytes.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(heard));
  });
}

describe('a connection that takes its time', () => {
  let port: Port;
  /** For those who are to get through: a handshake may take long where others work. */
  let calm: Port;
  beforeAll(async () => {
    port = await startPort({ deadlines: quick });
    calm = await startPort({ deadlines: { ...quick, handshakeMs: 10_000 } });
  });
  afterAll(() => Promise.all([port.stop(), calm.stop()]));

  it.each<[string, readonly (string | Buffer)[]]>([
    ['half a head', ['GET / HTTP/1.1\r\nX-A: ', 'a']],
    ['a dripping body', ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n', 'a']],
    // The head of a record that announces 512 bytes, and then a byte now and then.
    ['a dripping handshake', [Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), Buffer.from([0])]],
  ])('is cut off at %s', async (_what, pieces) => {
    const before = port.troubles['too-slow'];
    await drip(port.address.port, pieces);
    expect(port.troubles['too-slow']).toBe(before + 1);
    await until('it not to count any more', () => port.connections === 0);
  });

  it('is cut off when it says nothing, at once or after an answer', async () => {
    await new Promise((resolve) => connect(port.address.port, '127.0.0.1').on('close', resolve).resume());
    const socket = connectSecurely(calm.address.port, () => socket.write('GET /a HTTP/1.1\r\nHost: x\r\n\r\n'));
    const heard: string[] = [];
    socket.on('data', (bytes: Buffer) => heard.push(bytes.toString()));
    await new Promise((resolve) => socket.on('close', resolve));
    expect(heard.join('')).toContain('served /a');
  });

  it('is cut off by the deadline of the whole though it keeps the least rate', async () => {
    const other = await startPort({ deadlines: { ...quick, handshakeMs: 10_000, requestMs: 400 } });
    await drip(other.address.port, ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n', 'a'.repeat(100)]);
    expect(other.troubles['too-slow']).toBe(1);
    await other.stop();
  });

  it('may send its body as it likes above the least rate', async () => {
    const pieces = [
      'POST /whole HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1500\r\n\r\n',
      'a'.repeat(50),
    ];
    expect(await drip(calm.address.port, pieces)).toContain('served /whole');
  });
});

describe('handshakes of an address', () => {
  const shakes = (port: Port): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ port: port.address.port, host: '127.0.0.1', rejectUnauthorized: false });
      socket.on('error', reject).once('secureConnect', () => resolve(socket));
    });

  it('wait for one another, and for those that lead nowhere as long as the rate says', async () => {
    const port = await startPort({ handshakes: { atOnceMax: 1, burst: 2, perSecond: 0.001, addressesMax: 10 } });
    // Whole as a record, and no handshake: its other end waits for more.
    const stalled = connect(port.address.port, '127.0.0.1', () => stalled.write(Buffer.from([0x16, 3, 1, 2, 0, 1])));
    await new Promise((resolve) => stalled.once('connect', resolve));
    // What is answered later was said later: the stalled one has been heard.
    await fetch(`http://127.0.0.1:${port.address.port}/a`, { headers: { connection: 'close' } });
    await until('the stalled one to be alone', () => port.connections === 1);
    const first = shakes(port);
    await until('the next to wait', () => port.connections === 2);
    expect(await Promise.race([first, pause(systemClock, 100)])).toBe(true);
    stalled.destroy();
    const waited = await first;
    const next = shakes(port);
    await until('one more to wait', () => port.connections === 2);
    expect(await Promise.race([next, pause(systemClock, 100)])).toBe(true);
    // It turns out to be somebody's.
    waited.write('GET /a HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => waited.once('data', resolve));
    port.proved(latest!.socket);
    waited.destroy();
    (await next).destroy();
    await port.stop();
  });
});

describe('room', () => {
  it('is bounded in all, and somebody who has left makes some', async () => {
    const port = await startPort({ connections: { connectionsMax: 3, perAddressMax: 1, keptForKnown: 1 } });
    const open = [1, 2, 3].map(() => connect(port.address.port, '127.0.0.1'));
    await until('three to be there', () => port.connections === 3);
    await expect(get(port.address.port, '/a')).rejects.toThrow();
    expect(port.troubles['no-room']).toBe(1);
    open[0]!.destroy();
    await until('one to have left', () => port.connections === 2);
    expect(await get(port.address.port, '/a')).toBe('served /a');
    for (const socket of open) socket.destroy();
    await port.stop();
  });

  it('is bounded for an address, and kept for this machine and for where links come from', () => {
    const guard = new ConnectionGuard({ connectionsMax: 6, perAddressMax: 2, keptForKnown: 3 });
    const from = (remoteAddress: string) => withAddress(remoteAddress);
    const link = from('10.0.0.9');
    expect(guard.admit(link, false)).toBe(true);
    guard.isLink(link, '10.0.0.9');
    expect(guard.connections).toBe(0);
    expect([1, 2, 3].map(() => guard.admit(from('10.0.0.1'), false))).toEqual([true, true, false]);
    expect([1, 2].map(() => guard.admit(from('10.0.0.2'), false))).toEqual([true, false]);
    expect(guard.admit(from('10.0.0.3'), false)).toBe(false);
    expect(guard.admit(from('10.0.0.9'), false)).toBe(true);
    const local = from('127.0.0.1');
    expect([guard.admit(local, true), guard.admit(from('127.0.0.1'), true)]).toEqual([true, true]);
    expect(guard.admit(from('127.0.0.1'), true)).toBe(false);
    local.emit('close');
    expect(guard.admit(from('10.0.0.9'), false)).toBe(true);
  });
});

const PORT_HOLDER = fileURLToPath(new URL('../support/port-holder.ts', import.meta.url));

function withAddress(remoteAddress: string): Socket {
  return Object.defineProperty(new Socket(), 'remoteAddress', { value: remoteAddress });
}

describe('a process that has few descriptors', () => {
  const answer = (number: number): Promise<string> =>
    new Promise((resolve) => {
      httpsRequest(
        { host: '127.0.0.1', port: number, path: '/a', rejectUnauthorized: false, agent: false },
        (response) => response.setEncoding('utf8').on('data', resolve),
      )
        .on('error', () => resolve('refused'))
        .end();
    });

  it('takes no more connections than it can hold, says so when others use them up, and goes on when there are some', async () => {
    const holder = spawn(
      'sh',
      ['-c', `ulimit -n 64 && exec "$0" "$@"`, process.execPath, ...process.execArgv, PORT_HOLDER],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    let said = '';
    holder.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
    const number = Number(await until('its port', () => /^port (\d+)$/m.exec(said)?.[1]));
    const open = Array.from({ length: 100 }, () => connect(number, '127.0.0.1').on('error', () => undefined));
    await until('it to tell of connections', () => said.includes('no room for another connection'));
    for (const socket of open) socket.destroy();
    await until('it to answer again', async () => (await answer(number)) === 'room for others, well');

    holder.stdin.write('take\n');
    await until('them to be taken', () => said.includes('taken'));
    // Asked one after the other: at the very moment at which it finds out, one may be under way, and none is served after it.
    let unwell = 0;
    await until('it to tell of descriptors', async () => {
      if ((await answer(number)).includes('unwell')) unwell++;
      return said.includes('nearly all descriptors are in use');
    });
    expect(unwell).toBeLessThanOrEqual(1);
    expect(await answer(number)).toBe('refused');
    holder.stdin.write('give\n');
    await until('it to be well again', async () => (await answer(number)) === 'room for others, well');
    expect(holder.exitCode).toBeNull();
    holder.kill('SIGKILL');
  });
});
