/** One port takes plain HTTP from this machine and TLS from anywhere, and nobody waits for somebody who says nothing. */
import { spawn } from 'node:child_process';
import { connect, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { ConnectionGuard } from '../../src/base/connection-guard.ts';
import { createPort, type Port, type PortDeadlines, type PortOptions } from '../../src/http/port.ts';
import { CertificateAuthority } from '../../src/pki/ca.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';
import { spokenAt, TLS_TABLE } from '../support/tls-spoken.ts';
import { until } from '../support/until.ts';

let ca: CertificateAuthority;
beforeAll(async () => {
  ca = await CertificateAuthority.load(await CertificateAuthority.create(systemClock.nowMs()));
});

async function startPort(options: Pick<PortOptions, 'deadlines' | 'connections'> = {}): Promise<Port> {
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
    tls: { key, cert: `${signed!.certificate}\n${ca.certificate}`, ca: ca.certificate },
    onRequest: (request, response) => {
      const answer = (): unknown => response.end(`${'encrypted' in request.socket ? 'TLS' : 'plain'} ${request.url}`);
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

  it('answers plain HTTP on loopback', async () => {
    const response = await fetch(`http://127.0.0.1:${port.address.port}/a`);
    expect(await response.text()).toBe('plain /a');
  });

  it('answers TLS on the same number', async () => {
    const text = await new Promise<string>((resolve, reject) => {
      httpsRequest(
        { host: '127.0.0.1', port: port.address.port, path: '/b', ca: ca.certificate, agent: false },
        (response) => {
          response.setEncoding('utf8').on('data', resolve);
        },
      )
        .on('error', reject)
        .end();
    });
    expect(text).toBe('TLS /b');
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

  it('answers so many questions of a connection at once, and cuts whoever asks more', async () => {
    const ask = async (count: number): Promise<number> => {
      const socket = connect(port.address.port, '127.0.0.1');
      let text = '';
      socket.setEncoding('latin1').on('data', (part: string) => (text += part));
      socket.on('error', () => undefined);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      const last = count === 1 ? '' : 'GET /x HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(count - 1);
      socket.write(`${last}GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      await closed;
      return text.split('plain /x').length - 1;
    };
    expect(await ask(limits.requestsPipelinedMax)).toBe(limits.requestsPipelinedMax);
    expect(await ask(limits.requestsPipelinedMax + 1)).toBeLessThan(limits.requestsPipelinedMax);
  });

  it('takes a first byte that comes alone', async () => {
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(port.address.port, '127.0.0.1', () => socket.write('G'));
      socket.once('error', reject).on('data', (bytes: Buffer) => resolve(bytes.toString()));
      systemClock.after(50, () => socket.write('ET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
    });
    expect(text).toContain('plain /c');
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
    const socket = connect(port, '127.0.0.1', () => next());
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
  beforeAll(async () => {
    port = await startPort({ deadlines: quick });
  });
  afterAll(() => port.stop());

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
    const socket = connect(port.address.port, '127.0.0.1', () => socket.write('GET /a HTTP/1.1\r\nHost: x\r\n\r\n'));
    const heard: string[] = [];
    socket.on('data', (bytes: Buffer) => heard.push(bytes.toString()));
    await new Promise((resolve) => socket.on('close', resolve));
    expect(heard.join('')).toContain('plain /a');
  });

  it('is cut off by the deadline of the whole though it keeps the least rate', async () => {
    const other = await startPort({ deadlines: { ...quick, requestMs: 400 } });
    await drip(other.address.port, ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n', 'a'.repeat(100)]);
    expect(other.troubles['too-slow']).toBe(1);
    await other.stop();
  });

  it('may send its body as it likes above the least rate', async () => {
    const pieces = [
      'POST /whole HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1500\r\n\r\n',
      'a'.repeat(50),
    ];
    expect(await drip(port.address.port, pieces)).toContain('plain /whole');
  });

  it('is cut off over TLS at half a head and at a dripping body', async () => {
    for (const beginning of [
      'GET / HTTP/1.1\r\nX-A: ',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n',
    ]) {
      const before = port.troubles['too-slow'];
      await new Promise((resolve) => {
        const socket = connectTls({ port: port.address.port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
          socket.write(beginning);
          const next = (): void => {
            if (!socket.destroyed) socket.write('a');
            if (!socket.destroyed) systemClock.after(20, next);
          };
          next();
        });
        socket.on('error', () => undefined).on('close', resolve);
      });
      expect(port.troubles['too-slow']).toBe(before + 1);
    }
  });
});

describe('room', () => {
  it('is bounded in all, and somebody who has left makes some', async () => {
    const port = await startPort({ connections: { connectionsMax: 3, perAddressMax: 1, keptForKnown: 1 } });
    const open = [1, 2, 3].map(() => connect(port.address.port, '127.0.0.1'));
    await until('three to be there', () => port.connections === 3);
    await expect(fetch(`http://127.0.0.1:${port.address.port}/a`)).rejects.toThrow();
    expect(port.troubles['no-room']).toBe(1);
    open[0]!.destroy();
    await until('one to have left', () => port.connections === 2);
    expect(await (await fetch(`http://127.0.0.1:${port.address.port}/a`)).text()).toBe('plain /a');
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
    fetch(`http://127.0.0.1:${number}/a`, { headers: { connection: 'close' } }).then(
      (response) => response.text(),
      () => 'refused',
    );

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
