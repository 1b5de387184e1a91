/** Far ends of calls and channels whose certificates take half a second to check: who sends so many is not heard to the end. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { portLimits } from '../../src/base/port-limits.ts';
import { callRig, httpWork, type CallRig } from '../support/call-rig.ts';
import { slowChain, type SlowChain } from '../support/slow-chain.ts';

/** As many as OpenSSL takes of a peer. */
const CERTIFICATES = 73;

let rig: CallRig;
let long: SlowChain;
let server: Server | undefined;
beforeAll(async () => {
  rig = await callRig({ allow: '127.0.0.1' });
  long = slowChain(CERTIFICATES);
});
afterEach(() => void server?.close());
afterAll(() => rig.end());

async function urlOf(chain: SlowChain, answer: string): Promise<string> {
  server = createServer(
    { key: chain.key, cert: chain.certificates },
    (_request, response) => void response.end(answer),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

it.each([true, false] as const)(
  'looks at no certificates of one that sends too many (unproved: %s)',
  async (isUnproved) => {
    const report = await rig.run(httpWork(await urlOf(long, 'never'), { tls: isUnproved ? { isUnproved } : {} }));
    expect(report).toMatchObject({
      outcome: { kind: 'faulted', reason: 'call-unreachable' },
      detail: `127.0.0.1 was reached, but its certificates have more than ${portLimits.farHandshakeBytesMax} bytes.`,
    });
  },
);

it('takes as many as a handshake may have, and of what comes behind it as much as there is', async () => {
  const short = slowChain(10);
  expect(short.bytes).toBeGreaterThan(portLimits.farHandshakeBytesMax / 3);
  const answer = 'x'.repeat(4 * portLimits.farHandshakeBytesMax);
  const report = await rig.run(httpWork(await urlOf(short, answer), { tls: { isUnproved: true } }));
  expect(report).toMatchObject({ outcome: { kind: 'answered', status: 200 }, stdout: { size: answer.length } });
  expect(await rig.run(httpWork(await urlOf(short, answer), {}))).toMatchObject({
    detail:
      '127.0.0.1 was reached, but nobody who is known here vouches for its certificate: give the authority that does (tls: { ca: … } of the step).',
  });
});

it('does not begin a handshake anew, in which other certificates may come', async () => {
  const { key, certificates: cert } = slowChain(2);
  let isAnew = false;
  const far = createTlsServer({ key, cert, maxVersion: 'TLSv1.2' }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', () =>
      socket.renegotiate({}, (refused) => {
        isAnew = refused === null;
        socket.destroy();
      }),
    );
  }).listen(0, '127.0.0.1');
  await once(far, 'listening');
  const url = `https://127.0.0.1:${(far.address() as AddressInfo).port}/`;
  const report = await rig.run(httpWork(url, { tls: { isUnproved: true } }));
  expect(report).toMatchObject({ outcome: { kind: 'faulted', reason: 'call-broken' } });
  expect(isAnew).toBe(false);
  far.close();
});
