/**
 * The yardstick of the fan-out: how long the same number of connections takes for a bare `ws` + TLS round trip of 500
 * bytes out and 200 back, with no product in between. Same machine, same session, one client process per server
 * process. The connections are kept, so that a round can be made beside each run that it is compared with: the machine
 * is another one every minute.
 */
import { systemClock } from '../../src/base/clock.ts';
import { CertificateAuthority } from '../../src/pki/ca.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';
import { until } from '../../test/support/until.ts';
import type { BareClientSetup } from './bare-ws-client.ts';
import type { BareServerMessage, BareServerSetup } from './bare-ws-server.ts';
import { ChildProgram } from './child-program.ts';
import { cpuMicroseconds } from './process-cost.ts';

const WARM_ROUNDS = 2;

export interface BareRound {
  readonly seconds: number;
  /** CPU (user and system) of the server side for one connection, µs. */
  readonly serverUs: number;
}

type BareServer = ChildProgram<BareServerSetup, BareServerMessage>;

export class BareLinks {
  readonly #connections: number;
  readonly #servers: readonly BareServer[];
  readonly #children: readonly ChildProgram<never, never>[];

  private constructor(
    connections: number,
    servers: readonly BareServer[],
    children: readonly ChildProgram<never, never>[],
  ) {
    this.#connections = connections;
    this.#servers = servers;
    this.#children = children;
  }

  /**
   * `perProcess` bounds the connections of one process; more are split over several, which then work at the same time.
   */
  static async start(connections: number, perProcess: number): Promise<BareLinks> {
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
    const children: ChildProgram<never, never>[] = [];
    try {
      const servers = await Promise.all(
        splitEvenly(connections, perProcess).map(async (share) => {
          const server: BareServer = new ChildProgram(
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
            600_000,
          );
          return server;
        }),
      );
      const links = new BareLinks(connections, servers, children);
      for (let i = 0; i < WARM_ROUNDS; i++) await links.round();
      return links;
    } catch (error) {
      await Promise.all(children.map((child) => child.stop()));
      throw error;
    }
  }

  async round(): Promise<BareRound> {
    const pids = this.#servers.map((server) => server.process.pid!);
    const beforeUs = cpuMicroseconds(pids);
    const times = await Promise.all(this.#servers.map((server) => server.ask('round', 'round')));
    return {
      seconds: Math.max(...times.map((time) => time.ms)) / 1_000,
      serverUs: (cpuMicroseconds(pids) - beforeUs) / this.#connections,
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop()));
  }
}

/** Shares of at most `max` whose sum is `total`. */
export function splitEvenly(total: number, max: number): number[] {
  const parts = Math.max(1, Math.ceil(total / max));
  return Array.from({ length: parts }, (_, i) => Math.floor(total / parts) + (i < total % parts ? 1 : 0));
}
