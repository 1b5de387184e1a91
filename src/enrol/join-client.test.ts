import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { systemClock, type Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { CertificateAuthority, fingerprint } from '../pki/ca.ts';
import { certificateRequest, newKey } from '../pki/identity.ts';
import { postJoin } from './join-client.ts';

const servers: Server[] = [];
let ca: CertificateAuthority;
let identity: { key: string; cert: string };
beforeAll(async () => {
  const now = systemClock.nowMs();
  ca = await CertificateAuthority.load(await CertificateAuthority.create(now));
  const key = newKey();
  const signed = await ca.sign(
    { csr: certificateRequest(key), id: 'server', role: 'server', lifetimeMs: 3_600_000, names: ['127.0.0.1'] },
    now,
  );
  identity = { key, cert: `${signed!.certificate}\n${ca.certificate}` };
});
afterEach(() => servers.splice(0).forEach((server) => server.close()));

/** Answers each request with the next of these; the last again and again. */
async function serverThat(
  answers: readonly { status: number; code?: string; retryAfter?: string }[],
): Promise<{ url: string; bodies: string[] }> {
  const bodies: string[] = [];
  const server = createServer(identity, (request, response) => {
    request.setEncoding('utf8');
    let body = '';
    request.on('data', (text: string) => (body += text));
    request.on('end', () => {
      const { status, code, retryAfter } = answers[Math.min(bodies.push(body), answers.length) - 1]!;
      response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter });
      response.end(JSON.stringify({ code, detail: 'as it is' }));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies };
}

/** Waits are over at once, and count. */
function rig(): { waits: number[]; how: Parameters<typeof postJoin>[3] } {
  const waits: number[] = [];
  let now = 0;
  const clock: Clock = {
    nowMs: () => now,
    monotonicMs: () => now,
    after(delayMs, callback) {
      waits.push(delayMs);
      now += delayMs;
      setImmediate(callback);
      return () => undefined;
    },
    soon: (callback) => void setImmediate(callback),
  };
  return { waits, how: { clock, random: { next: () => 0.5 } } };
}

const join = ({ url }: { url: string }, body: () => object, how: Parameters<typeof postJoin>[3]): Promise<unknown> =>
  postJoin({ url, fingerprint: fingerprint(ca.certificate), secret: 's' }, '/api/v1/agents/join', body, how);

it('comes back when a busy server says so, a little later by chance, with the clock as it is then', async () => {
  const server = await serverThat([
    { status: 429, code: 'too-many-requests', retryAfter: '4' },
    { status: 503, code: 'overloaded' },
    { status: 201 },
  ]);
  const { waits, how } = rig();
  let tries = 0;
  expect(await join(server, () => ({ tries: ++tries }), how)).toMatchObject({ detail: 'as it is' });
  expect(waits).toEqual([6_000, 3_000]);
  expect(server.bodies.map((body) => JSON.parse(body) as unknown)).toEqual([{ tries: 1 }, { tries: 2 }, { tries: 3 }]);
});

it('gives up after its time, with what the server said last', async () => {
  const server = await serverThat([{ status: 503, code: 'overloaded', retryAfter: '60' }]);
  const { waits, how } = rig();
  await expect(join(server, () => ({}), how)).rejects.toMatchObject({ code: 'overloaded', detail: 'as it is' });
  expect(waits.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(limits.joinPatienceMs);
  expect(server.bodies.length).toBe(waits.length + 1);
  expect(waits.length).toBeGreaterThan(1);
});

it('takes every other refusal as it is', async () => {
  const server = await serverThat([{ status: 401, code: 'join-token-expired', retryAfter: '1' }]);
  const { waits, how } = rig();
  await expect(join(server, () => ({}), how)).rejects.toMatchObject({ code: 'join-token-expired' });
  expect([waits, server.bodies.length]).toEqual([[], 1]);
});

it('takes no answer without an end', async () => {
  let poured = 0;
  const server = createServer(identity, (_request, response) => {
    const pour = (): void => {
      while (!response.destroyed) {
        poured += 65_536;
        if (!response.write(Buffer.alloc(65_536, ' '))) return void response.once('drain', pour);
      }
    };
    pour();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await expect(join({ url }, () => ({}), rig().how)).rejects.toMatchObject({
    code: 'host-not-linked',
    detail: expect.stringContaining('longer than any') as string,
  });
  // What lies in the buffers of both ends, too.
  expect(poured).toBeLessThan(32 * 1024 * 1024);
});
