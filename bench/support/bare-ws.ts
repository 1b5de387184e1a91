/**
 * The yardstick of the fan-out: how long the same number of connections takes for a bare `ws` + TLS round trip of 500 bytes out
 * and 200 back, with no product in between. Same machine, same session, one client process per server process.
 */
import { systemClock } from '../../src/base/clock.ts';
import { CertificateAuthority } from '../../src/pki/ca.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';
import { until } from '../../test/support/until.ts';
import type { BareClientSetup } from './bare-ws-client.ts';
import type { BareServerMessage, BareServerSetup } from './bare-ws-server.ts';
import { ChildProgram } from './child-program.ts';
import { median } from './figures.ts';

const ROUNDS = 7;

/** Median seconds of a round after one to warm up. `perProcess` bounds the connections of one process; more are split over several, which then work at the same time. */
export async function bareRoundTripS(connections: number, perProcess: number): Promise<number> {
  const material = await CertificateAuthority.create(systemClock.nowMs());
  const authority = await CertificateAuthority.load(material);
  const identity = async (role: 'server' | 'agent'): Promise<BareServerSetup> => {
    const privateKey = newKey();
    const signed = await authority.sign(
      { csr: certificateRequest(privateKey), id: role, role, lifetimeMs: 86_400_000, names: ['127.0.0.1'] },
      systemClock.nowMs(),
    );
    return { privateKey, certificate: signed!.certificate, ca: material.certificate };
  };
  const shares = splitEvenly(connections, perProcess);
  const children: ChildProgram<never, never>[] = [];
  try {
    const servers = await Promise.all(
      shares.map(async (share) => {
        const server = new ChildProgram<BareServerSetup, BareServerMessage>(
          new URL('./bare-ws-server.ts', import.meta.url),
          await identity('server'),
        );
        children.push(server as never);
        const { port } = await server.next('listening');
        children.push(
          new ChildProgram<BareClientSetup, never>(new URL('./bare-ws-client.ts', import.meta.url), {
            port,
            connections: share,
            ...(await identity('agent')),
          }) as never,
        );
        await until(
          `${share} bare connections`,
          async () => (await server.ask('count', 'connections')).count === share,
          180_000,
        );
        return server;
      }),
    );
    const rounds: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const times = await Promise.all(servers.map((server) => server.ask('round', 'round')));
      if (round > 0) rounds.push(Math.max(...times.map((time) => time.ms)) / 1_000);
    }
    return median(rounds);
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}

/** Shares of at most `max` whose sum is `total`. */
export function splitEvenly(total: number, max: number): number[] {
  const parts = Math.max(1, Math.ceil(total / max));
  return Array.from({ length: parts }, (_, i) => Math.floor(total / parts) + (i < total % parts ? 1 : 0));
}
