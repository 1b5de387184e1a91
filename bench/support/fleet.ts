/**
 * A cluster with simulated agents in the place of real ones: hosts and agents are written as rows, so that ten thousand
 * need not enrol one by one; certificates and dispatch keys are those that enrolment would have given them.
 */
import pg from 'pg';
import { systemClock } from '../../src/base/clock.ts';
import { newId, type AgentId, type HostId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import type { CaMaterial } from '../../src/pki/ca.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import type { Cluster } from '../../test/support/cluster.ts';
import { until } from '../../test/support/until.ts';
import { agentCertificates } from './agent-certificates.ts';
import { ChildProgram } from './child-program.ts';
import { splitEvenly } from './bare-ws.ts';
import type { SimulatedAgent, SimulatedMessage, SimulatedSetup } from './simulated-agents.ts';

type Simulator = ChildProgram<SimulatedSetup, SimulatedMessage>;

/** One address has some 28,000 source ports. */
const PORTS_PER_ADDRESS = 25_000;

export class SimulatedFleet {
  readonly #simulators: Simulator[];
  readonly size: number;

  private constructor(size: number, simulators: Simulator[]) {
    this.size = size;
    this.#simulators = simulators;
  }

  /** One simulator process per worker, each with an equal share. */
  static async start(cluster: Cluster, size: number): Promise<SimulatedFleet> {
    const masterKey = createMasterKey(cluster.masterKey);
    const ca = JSON.parse(
      Buffer.from(masterKey.open('ca', (await cluster.store.secretFetch('ca'))!)).toString(),
    ) as CaMaterial;
    const certificates = await agentCertificates(ca, systemClock.nowMs());
    const identities = await seedHosts(cluster, size, certificates.publicKey);
    const shares = splitEvenly(size, Math.ceil(size / cluster.workers.length));
    let from = 0;
    const simulators = shares.map((share, i) => {
      const agents = identities.slice(from, (from += share)).map(
        (identity): SimulatedAgent => ({
          ...identity,
          certificate: certificates.certificateFor(identity.agentId),
          dispatchKey: masterKey.dispatchKey(identity.agentId),
        }),
      );
      const localAddresses = size > PORTS_PER_ADDRESS ? [`127.0.0.${2 + i}`] : [];
      return new ChildProgram<SimulatedSetup, SimulatedMessage>(new URL('./simulated-agents.ts', import.meta.url), {
        url: `wss://127.0.0.1:${cluster.workerPorts[i]}/link/v1/agent`,
        agents,
        privateKey: certificates.privateKey,
        ca: certificates.ca,
        localAddresses,
      });
    });
    return new SimulatedFleet(size, simulators);
  }

  async progress(): Promise<{
    linked: number;
    dialed: number;
    refusedMac: number;
    executed: number;
    unacknowledged: number;
  }> {
    const all = await Promise.all(this.#simulators.map((simulator) => simulator.ask('progress', 'progress')));
    const sum = (pick: (one: (typeof all)[number]) => number): number =>
      all.reduce((total, one) => total + pick(one), 0);
    return {
      linked: sum((o) => o.linked),
      dialed: sum((o) => o.dialed),
      refusedMac: sum((o) => o.refusedMac),
      executed: sum((o) => o.executed),
      unacknowledged: sum((o) => o.unacknowledged),
    };
  }

  /** When starts were carried out since the last asking: the moments at which the hosts themselves were done. */
  async executedAtMs(): Promise<number[]> {
    const all = await Promise.all(this.#simulators.map((simulator) => simulator.ask('executed', 'executed')));
    return all.flatMap((one) => [...one.atMs]);
  }

  /** Both ends agree: every agent has its link, and the database knows. */
  async waitLinked(cluster: Cluster, timeoutMs: number): Promise<void> {
    await until(
      `${this.size} agents to be linked`,
      async () => (await this.progress()).linked === this.size,
      timeoutMs,
    );
    await until(
      `the database to know ${this.size} linked hosts`,
      async () => (await countLinked(cluster)) === this.size,
      timeoutMs,
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.#simulators.map((simulator) => simulator.stop()));
  }
}

async function withDatabase<T>(cluster: Cluster, action: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: cluster.databaseUrl });
  await client.connect();
  return action(client).finally(() => client.end());
}

export async function countLinked(cluster: Cluster): Promise<number> {
  return withDatabase(cluster, async (client) =>
    Number((await client.query<{ count: string }>('SELECT count(*) FROM host_presence WHERE linked')).rows[0]!.count),
  );
}

async function seedHosts(
  cluster: Cluster,
  size: number,
  publicKey: Buffer,
): Promise<{ agentId: AgentId; hostId: HostId; name: string }[]> {
  const identities = Array.from({ length: size }, (_, i) => ({
    agentId: newId<'agent'>(),
    hostId: newId<'host'>(),
    name: `sim-${String(i + 1).padStart(6, '0')}`,
  }));
  const nowMs = systemClock.nowMs();
  const hostIds = identities.map((one) => one.hostId);
  const agentIds = identities.map((one) => one.agentId);
  await withDatabase(cluster, async (client) => {
    await client.query(
      'INSERT INTO host (id, name, machine_id, agent_id, created_at_ms) SELECT h, n, n, a, $4 FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS t (h, n, a)',
      [hostIds, identities.map((one) => one.name), agentIds, nowMs],
    );
    await client.query(
      "INSERT INTO agent (id, host_id, state, version, public_key, joined_at_ms, certificate_expires_at_ms) SELECT a, h, 'active', '0.1.0', $3, $4, $5 FROM unnest($1::uuid[], $2::uuid[]) AS t (a, h)",
      [agentIds, hostIds, publicKey, nowMs, nowMs + limits.agentCertificateMs],
    );
    await client.query("UPDATE setting SET value = value + 1 WHERE name = 'host-directory'");
    await client.query('ANALYZE host, agent');
  });
  return identities;
}
