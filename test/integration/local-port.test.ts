/** The port of `drover up` while it is down: whoever listens there instead is another user of the machine, as far as its commands can know. */
import { createServer as createPlain, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecure } from 'node:https';
import { createServer as createRaw, type Server } from 'node:net';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { CertificateAuthority } from '../../src/pki/ca.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';
import { testUp, type TestUp, runPackaged } from '../support/test-cluster.ts';
import { newDataDir, stopUp, type CliResult } from '../support/up.ts';

let up: TestUp;
let dataDir: string;
let port: number;
/** Of the stranger; a file with its authority, which he has had this machine believe. */
let stranger: { key: string; cert: string; authority: string };
const heard: string[] = [];
const listeners: Server[] = [];

beforeAll(async () => {
  dataDir = newDataDir();
  up = await testUp(dataDir, 0);
  port = Number(new URL(up.url).port);
  await stopUp(up);
  const now = systemClock.nowMs();
  const ca = await CertificateAuthority.load(await CertificateAuthority.create(now));
  const key = newKey();
  const signed = await ca.sign(
    { csr: certificateRequest(key), id: 'server', role: 'server', lifetimeMs: 3_600_000, names: ['127.0.0.1'] },
    now,
  );
  const authority = join(dataDir, '..', 'stranger.pem');
  writeFileSync(authority, ca.certificate);
  stranger = { key, cert: `${signed!.certificate}\n${ca.certificate}`, authority };
  return () => up.end();
}, 120_000);
afterEach(async () => {
  heard.length = 0;
  for (const listener of listeners.splice(0)) await new Promise((resolve) => listener.close(resolve));
});

/** Of the machine of `drover up`, which is found by its folder, or by what is given. */
const command = (args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> =>
  runPackaged(args, { DROVER_DATA: dataDir, NODE_EXTRA_CA_CERTS: stranger.authority, ...env });

async function listening(server: Server): Promise<void> {
  listeners.push(server);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  heard.push(`${request.url} ${JSON.stringify(request.headers)}`);
  response.end('{"items":[]}');
}

const strangers: readonly (readonly [string, () => Server])[] = [
  ['plain HTTP', () => createPlain(answer)],
  ['TLS, with a certificate that this machine believes otherwise', () => createSecure(stranger, answer)],
  [
    'nothing that is known',
    () => createRaw((socket) => socket.on('data', (bytes) => heard.push(bytes.toString('latin1'))).end('x')),
  ],
];

describe('while drover up is down, a stranger on its port who speaks', () => {
  it.each(strangers)('%s is told nothing by a command, which says who he is not', async (_what, create) => {
    await listening(create());
    const { code, stderr } = await command(['hosts', 'list']);
    expect(stderr).toMatch(/Something else listens there than the drover up of this machine/);
    expect(code).toBe(4);
    expect(heard.join('\n')).not.toMatch(/bearer|drt_/i);
  });
});

describe('drover up', () => {
  it('is spoken to over TLS, by the authority beside its token', () => {
    const { url, ca } = JSON.parse(readFileSync(join(dataDir, 'access.json'), 'utf8')) as { url: string; ca: string };
    expect(url).toBe(`https://127.0.0.1:${port}`);
    expect(readFileSync(join(dataDir, 'ca.pem'), 'utf8').trim()).toBe(ca.trim());
    expect(statSync(join(dataDir, 'ca.pem')).mode & 0o777).toBe(0o600);
  });

  it.each([['whoami'], ['login', 'http://127.0.0.1:PORT']])(
    'is not spoken to over plain HTTP by drover %s',
    async (...words) => {
      await listening(createPlain(answer));
      const plain = `http://127.0.0.1:${port}`;
      const args = words.map((word) => word.replace('http://127.0.0.1:PORT', plain));
      const { code, stderr } = await command(args, { DROVER_URL: plain, DROVER_TOKEN: up.token });
      expect(stderr).toContain(`The drover up of this machine speaks HTTPS alone: https://127.0.0.1:${port}`);
      expect(code).toBe(2);
      expect(heard).toEqual([]);
    },
  );
});
