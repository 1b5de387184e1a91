/** Over real TLS connections: who counts as an agent, and whose handshakes are forgiven. */
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { CertificateAuthority } from '../pki/ca.ts';
import { certificateRequest, newAgentKey, newKey } from '../pki/identity.ts';
import { PEER_HEADER, PeerProofs, provePeer, type PeerKeys } from '../pki/peer-proof.ts';
import { PeerAgents } from './peer-agents.ts';

const HOUR_MS = 3_600_000;
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function world() {
  const now = systemClock.nowMs();
  const ca = await CertificateAuthority.load(await CertificateAuthority.create(now));
  const key = newKey();
  const own = await ca.sign({ csr: certificateRequest(key), id: 's', role: 'server', lifetimeMs: HOUR_MS }, now);
  let latest: TLSSocket;
  const server = createServer({ key, cert: own!.certificate }, (socket) => {
    latest = socket.on('error', () => undefined);
    socket.write('.');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => server.close());
  let second = 0;
  const revoked = new Set<string>();
  const forgiven: unknown[] = [];
  return {
    revoked,
    forgiven,
    nextSecond: () => void (second += 1_000),
    agents: new PeerAgents({
      proofs: new PeerProofs(ca.certificate),
      clock: { ...systemClock, monotonicMs: () => second },
      isRevoked: (id) => revoked.has(id),
      onLetIn: (socket) => void forgiven.push(socket),
    }),
    async agent(id: string): Promise<PeerKeys> {
      const privateKey = newAgentKey();
      const csr = certificateRequest(privateKey);
      const signed = await ca.sign({ csr, id, role: 'agent', hostId: `host of ${id}`, lifetimeMs: HOUR_MS }, now);
      return { privateKey, certificate: signed!.certificate };
    },
    /** The first request of a new connection, as the server sees it. */
    async request(keys: PeerKeys | undefined) {
      const { port } = server.address() as AddressInfo;
      const near = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      stops.push(() => near.destroy());
      await new Promise((resolve) => near.once('data', resolve));
      return { socket: latest, headers: keys === undefined ? {} : { [PEER_HEADER]: provePeer(near, keys) } };
    },
  };
}

it('an agent is forgiven so many handshakes a second, each connection once, and another agent as many', async () => {
  const { agents, agent, request, forgiven, nextSecond } = await world();
  const [one, other] = [await agent('one'), await agent('other')];
  for (let n = 0; n < limits.linksPerPeerPerSecond + 3; n++) {
    const asked = await request(one);
    expect(agents.of(asked)).toBe('one');
    agents.letIn(asked);
    agents.letIn(asked);
  }
  expect(forgiven).toHaveLength(limits.linksPerPeerPerSecond);
  agents.letIn(await request(other));
  expect(forgiven).toHaveLength(limits.linksPerPeerPerSecond + 1);
  nextSecond();
  agents.letIn(await request(one));
  expect(forgiven).toHaveLength(limits.linksPerPeerPerSecond + 2);
});

it('nobody is forgiven for a proof alone, before any rate was asked', async () => {
  const { agents, agent, request, forgiven } = await world();
  expect(agents.of(await request(await agent('one')))).toBe('one');
  expect(forgiven).toEqual([]);
});

it('an agent that is revoked is nobody, also on a connection that it had, and is forgiven nothing', async () => {
  const { agents, agent, request, forgiven, revoked } = await world();
  const keys = await agent('one');
  const former = await request(keys);
  expect(agents.of(former)).toBe('one');
  revoked.add('one');
  const later = await request(keys);
  expect([agents.of(former), agents.of(later)]).toEqual([undefined, undefined]);
  for (const asked of [former, later, await request(undefined)]) agents.letIn(asked);
  expect(forgiven).toEqual([]);
});
