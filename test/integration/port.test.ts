/** One port takes plain HTTP from this machine and TLS from anywhere, and nobody waits for somebody who says nothing. */
import { connect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { createPort, type Port } from '../../src/http/port.ts';
import { CertificateAuthority } from '../../src/pki/ca.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';

describe('the port', () => {
  let port: Port;
  let ca: CertificateAuthority;

  beforeAll(async () => {
    ca = await CertificateAuthority.load(await CertificateAuthority.create(systemClock.nowMs()));
    const key = newKey();
    const signed = await ca.sign(
      { csr: certificateRequest(key), id: 'server', role: 'server', lifetimeMs: 3_600_000, names: ['127.0.0.1'] },
      systemClock.nowMs(),
    );
    port = createPort({
      host: '127.0.0.1',
      port: 0,
      clock: systemClock,
      tls: { key, cert: `${signed!.certificate}\n${ca.certificate}`, ca: ca.certificate },
      onRequest: (request, response) =>
        response.end(`${'encrypted' in request.socket ? 'TLS' : 'plain'} ${request.url}`),
      onUpgrade: (_request, socket) => socket.destroy(),
    });
    await port.start();
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

  it.each([
    ['TLSv1.3', undefined, true],
    ['TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256', true],
    ['TLSv1.2', 'ECDHE-ECDSA-AES128-SHA256', false],
    ['TLSv1.2', 'ECDHE-ECDSA-AES256-SHA', false],
    ['TLSv1.1', undefined, false],
  ] as const)('speaks %s with %s: %s', async (version, ciphers, isSpoken) => {
    const { port: number } = port.address;
    const spoken = await new Promise<string | undefined>((resolve) => {
      const socket = tlsConnect({
        host: '127.0.0.1',
        port: number,
        rejectUnauthorized: false,
        minVersion: version,
        maxVersion: version,
        ciphers: `${ciphers ?? 'ALL'}:@SECLEVEL=0`,
      });
      socket.once('secureConnect', () => {
        resolve(socket.getProtocol() ?? undefined);
        socket.destroy();
      });
      socket.once('error', () => resolve(undefined));
    });
    expect(spoken).toBe(isSpoken ? version : undefined);
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
