/**
 * A stranger with certificates that take half a second to check: neither port asks for them in the handshake, and a port looks at none in
 * a request that its authority has not signed. What is judged is processor time beside that of ordinary callers, in the same run.
 */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { createPort } from '../../src/http/port.ts';
import { createAgentPort } from '../../src/link/agent-port.ts';
import { NOBODY } from '../../src/link/link.ts';
import { createLinkServer } from '../../src/link/ws-server.ts';
import { PEER_HEADER, provePeer } from '../../src/pki/peer-proof.ts';
import { AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import { LinkRig, type RigIdentity } from '../support/link-rig.ts';
import { upgradeWith } from '../support/raw-link.ts';
import { slowChain, type SlowChain } from '../support/slow-chain.ts';

/** As many as OpenSSL takes of a peer. */
const CERTIFICATES = 73;
const ROUNDS = 7;
/** What a slow certificate may cost beside an ordinary one; where it is checked it costs a hundred times as much. */
const TIMES_MAX = 4;

let chain: SlowChain;
let slow: SecureContext;
let ordinary: SecureContext;
let rig: LinkRig;
let as: RigIdentity;

beforeAll(async () => {
  chain = slowChain(CERTIFICATES);
  slow = createSecureContext({ key: chain.key, cert: chain.certificates });
  const made = await LinkRig.create();
  const { privateKey, certificate } = await made.identity('agent');
  ordinary = createSecureContext({ key: privateKey, cert: certificate });
});
beforeEach(async () => {
  rig = await LinkRig.create();
  as = await rig.identity('worker');
});
afterEach(() => rig.end());

const keys = (): { key: string; cert: string } => ({ key: as.privateKey, cert: `${as.certificate}\n${as.ca}` });

/** Says `head` (of the socket) when the handshake is over, and hears the first words of the answer. */
function heard(port: number, secureContext: SecureContext, head: (socket: TLSSocket) => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, secureContext }, () =>
      socket.write(head(socket)),
    );
    socket.once('error', reject).once('data', (bytes: Buffer) => {
      socket.destroy();
      resolve(bytes.toString().split('\r\n')[0]!);
    });
  });
}

/** ms of this process, both ends of it, in the middle of several. */
async function cpuMs(call: () => Promise<unknown>): Promise<number> {
  const all: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    await call();
    const { user, system } = process.cpuUsage(before);
    all.push((user + system) / 1_000);
  }
  return all.sort((a, b) => a - b)[(ROUNDS - 1) / 2]!;
}

const asked = (): string => 'GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

async function serverPort(): Promise<number> {
  const port = createPort({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    log: silentLog,
    tls: keys(),
    onRequest: (_request, response) => response.end('x'),
    onUpgrade: (_request, socket) => !socket.destroy(),
  });
  rig.onEnd(() => port.stop());
  await port.start();
  return port.address.port;
}

async function workerPort(): Promise<number> {
  const links = createLinkServer({
    role: 'agent',
    authority: rig.ca.certificate,
    shapes: AGENT_FRAMES,
    clock: systemClock,
  });
  await links.start(() => NOBODY);
  const port = createAgentPort({
    clock: systemClock,
    log: silentLog,
    tls: keys(),
    onUpgrade: (request, socket, head) => links.handleUpgrade(request, socket, head),
  });
  await port.listen('127.0.0.1', 0);
  rig.onEnd(async () => {
    await links.stop();
    await port.close();
  });
  return port.address.port;
}

describe('a handshake with a long chain of slow certificates', () => {
  let asking: Server;
  beforeAll(async () => {
    const made = await LinkRig.create();
    const { privateKey, certificate } = await made.identity('server');
    asking = createServer(
      { key: privateKey, cert: certificate, requestCert: true, rejectUnauthorized: false },
      (_request, response) => response.end('x'),
    );
    await new Promise<void>((resolve) => asking.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => asking.close());

  it('costs a port that asks for them many times as much as another, so it would be seen here', async () => {
    const { port } = asking.address() as AddressInfo;
    expect(chain.bytes).toBeGreaterThan(64 * 1024);
    const usual = await cpuMs(() => heard(port, ordinary, asked));
    expect(await cpuMs(() => heard(port, slow, asked))).toBeGreaterThan(TIMES_MAX * usual);
  });

  it.each([
    ['server', serverPort],
    ['worker', workerPort],
  ])("costs the %s's port no more than another", async (_whose, started) => {
    const port = await started();
    const usual = await cpuMs(() => heard(port, ordinary, asked));
    expect(await cpuMs(() => heard(port, slow, asked))).toBeLessThan(TIMES_MAX * usual);
  });
});

describe('a link that is asked for', () => {
  it('with a slow certificate instead of one of ours is refused for the cost of any other refusal', async () => {
    const port = await workerPort();
    const shown = `${chain.slow.toString('base64')}.${Buffer.alloc(64, 1).toString('base64url')}`;
    const stranger = (): string => upgradeWith({ [PEER_HEADER]: shown });
    const nobody = (): string => upgradeWith({});
    expect(await heard(port, ordinary, stranger)).toMatch(/^HTTP\/1\.1 401 /);
    const usual = await cpuMs(() => heard(port, ordinary, nobody));
    expect(await cpuMs(() => heard(port, ordinary, stranger))).toBeLessThan(TIMES_MAX * usual);
  });

  it('with a proof that was heard on another connection is refused', async () => {
    const port = await workerPort();
    const agent = await rig.identity('agent');
    const proof: { said?: string } = {};
    expect(
      await heard(port, ordinary, (socket) => upgradeWith({ [PEER_HEADER]: (proof.said = provePeer(socket, agent)) })),
    ).toBe('HTTP/1.1 101 Switching Protocols');
    expect(await heard(port, ordinary, () => upgradeWith({ [PEER_HEADER]: proof.said! }))).toMatch(/^HTTP\/1\.1 401 /);
  });
});
